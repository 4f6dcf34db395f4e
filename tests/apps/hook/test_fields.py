"""Fields that any mail header can hold, whatever goes into them."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from apps.hook.fields import authentication_results, folded
from features.authentication_results import parse_authentication_results
from features.envelope import Fact


@given(st.text(max_size=3_000))
def test_a_folded_field_is_printable_and_short_in_every_line(text):
    field = folded("X-Weir-Status", text)
    first, *others = f"X-Weir-Status: {field.value}".split("\n")
    for line in (first, *others):
        assert len(line) < 998
        assert re.fullmatch(r"[ -~]*", line)
    assert all(line.startswith(" ") and line.strip() for line in others)


@given(st.lists(st.from_regex(r"[!-~]{1,60}", fullmatch=True), max_size=60))
@example(["a"] * 100)  # a line that is full counts its blank too
def test_unfolding_gives_the_words_back(words):
    field = folded("X-Weir-Status", " ".join(words))
    assert field.value.split() == words
    assert all(len(line) <= 78 for line in f"X-Weir-Status: {field.value}".split("\n"))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "spf",
                "dkim",
                "dmarc",
                "arc",
                "spf.domain",
                "dkim.domains",
                "arc.sealer",
                "dmarc.domain",
            ]
        ),
        st.text(max_size=60),
    )
)
def test_results_say_nothing_that_a_sender_put_there(given_facts):
    facts = {name: Fact(value, "hook") for name, value in given_facts.items()}
    for field in authentication_results("mx.two.example", facts):
        value = field.value.replace("\n", "")
        identifier, results = parse_authentication_results(value)
        assert identifier == "mx.two.example"
        assert {result.method for result in results} <= {"spf", "dkim", "dmarc", "arc"}
        assert re.fullmatch(r"[a-z0-9 .;=_-]+", value)


def test_each_signature_that_passed_is_named():
    facts = {"dkim": Fact("pass", "hook"), "dkim.domains": Fact("a.example b.example", "hook")}
    (field,) = authentication_results("mx", facts)
    assert (
        field.value.replace("\n", "")
        == "mx; dkim=pass header.d=a.example; dkim=pass header.d=b.example"
    )
