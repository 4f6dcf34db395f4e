import re
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from apps.subscriber.condition import FIELDS, Condition
from detectors.actions import Override
from detectors.basis import Basis
from detectors.rules import VARIABLES, ExpressionError
from detectors.verdict import FeatureValues
from features.vector import SCHEMA
from tests.detectors.test_record import VERDICT

ABSENT = {"subject", "user", "recipients", "client_ip"}


def holds(when, **fields):
    return Condition(when).holds(replace(VERDICT, **fields))


@pytest.mark.parametrize(
    "when",
    [
        "score > 0.9 && score < 0.96",
        "logit == 3.0",
        "action == 'quarantine' && class == 'phish'",
        "'link_text_mismatch' in signals",
        "'learned' in groups",
        "signals.exists(name, name.startsWith('learned_'))",
        "'rule:r' in overrides",
        "from_domain == 'example.com' && mail_from_domain.endsWith('.org')",
        "received_at < timestamp('2026-01-02T00:00:00Z')",
        "rcpt_count == 2 && direction == 'inbound'",
        "'model:text' in degraded && 'clock_skew' in flags",
        "kind == 'judged' && revision == 0",
        "'classifier' in models && !asked",
        "size(id) == 36 && sender != '' && fingerprint != ''",
    ],
)
def test_a_condition_reads_what_a_verdict_says(when):
    assert holds(when) is True
    assert holds(f"!({when})") is False


def test_a_condition_reads_what_the_verdict_rests_on():
    basis = Basis(spf="pass", proven_domain="example.com", link_hosts=("www.example.co.uk",))
    when = "spf == 'pass' && proven_domain != '' && 'example.co.uk' in url_domains"
    assert holds(when, basis=basis) is True
    assert holds(when) is False


def test_a_condition_reads_the_senders_numbers_in_the_vector():
    values = np.full(len(SCHEMA.features), np.nan, "<f4")
    values[SCHEMA.names.index("sender.messages")] = 7
    features = FeatureValues(SCHEMA.digest, b64encode(values.tobytes()).decode())
    assert holds("sender_messages == 7.0", features=features) is True


def test_a_score_that_is_missing_is_matched_by_no_comparison():
    for when in ("score > 0.0", "score <= 1.0", "logit < 1.0"):
        assert holds(when, score=None, logit=None) is not True
    assert holds("score > 0.5 || 'model:text' in degraded", score=None) is True


@pytest.mark.parametrize(
    ("names", "listed"), [(("deny:domain:x",), "deny"), (("allow:domain:x",), "allow"), ((), "")]
)
def test_which_list_spoke_is_told_from_the_overrides(names, listed):
    said = tuple(Override(name, "accept", "") for name in names)
    assert holds(f"listed == '{listed}'", overrides=said) is True


@pytest.mark.parametrize(
    ("when", "line", "column"),
    [
        ("score >", 1, 8),
        ("score > 0.5 &&\n subjekt == ''", 2, 2),
        ("subject == 'a'", 1, 1),
        ("score > 0.5\n&& open('x')", 2, 4),
        ("score + 1.0", 1, 1),
        ("score > 'a'", 1, 1),
    ],
)
def test_an_error_in_a_condition_has_its_place(when, line, column):
    with pytest.raises(ExpressionError) as raised:
        Condition(when)
    assert (raised.value.line, raised.value.column) == (line, column)


def test_a_condition_that_fails_on_a_verdict_neither_holds_nor_raises():
    assert holds("overrides[0] == 'x'", overrides=()) is None
    assert holds("from_domain == 'x'", from_domain="\udce4") is False


def test_conditions_have_the_words_of_rules_but_for_what_verdicts_do_not_hold():
    assert VARIABLES.keys() - FIELDS.keys() == ABSENT


def test_every_word_is_in_the_documentation_with_what_it_says():
    page = (Path(__file__).parents[3] / "docs" / "subscribing.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert rows == [(name, variable.what) for name, variable in FIELDS.items()]
