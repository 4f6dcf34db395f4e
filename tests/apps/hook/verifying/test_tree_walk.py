import pytest

from apps.hook.verifying.policy_records import PolicyRecord
from apps.hook.verifying.resolver import UnansweredError
from apps.hook.verifying.tree_walk import (
    names_walked,
    organizational_domain,
    policy_record,
    walk,
)


def test_a_name_is_walked_up_to_its_top_level():
    assert names_walked("a.mail.example.com") == [
        "a.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert names_walked("com") == ["com"]


def test_a_long_name_is_cut_to_seven_labels_after_itself():
    # The example of RFC 9989.
    assert names_walked("mail.a.b.c.d.e.f.g.example.com") == [
        "mail.a.b.c.d.e.f.g.example.com",
        "c.d.e.f.g.example.com",
        "d.e.f.g.example.com",
        "e.f.g.example.com",
        "f.g.example.com",
        "g.example.com",
        "example.com",
        "com",
    ]
    assert len(names_walked("1.2.3.4.5.6.7.8")) == len(names_walked("1.2.3.4.5.6.7.8.9")) == 8
    assert names_walked("1.2.3.4.5.6.7.8")[1] == "2.3.4.5.6.7.8"


# What is published, where the walk starts, the organization, the record that applies.
CASES = [
    ({}, "a.mail.example.com", "a.mail.example.com", None),
    ({"example.com": ""}, "a.mail.example.com", "example.com", "example.com"),
    (
        {"mail.example.com": "", "example.com": ""},
        "a.mail.example.com",
        "example.com",
        "example.com",
    ),
    (
        {"a.mail.example.com": "", "example.com": ""},
        "a.mail.example.com",
        "example.com",
        "a.mail.example.com",
    ),
    (
        {"mail.example.com": "psd=n", "example.com": ""},
        "a.mail.example.com",
        "mail.example.com",
        "mail.example.com",
    ),
    ({"com": "psd=y"}, "a.mail.example.com", "example.com", "com"),
    ({"com": "psd=y"}, "example.com", "example.com", "com"),
    ({"com": "psd=y", "example.com": ""}, "a.example.com", "example.com", "example.com"),
    ({"example.com": "psd=y"}, "example.com", "example.com", "example.com"),
    ({"example.com": "psd=y"}, "a.mail.example.com", "mail.example.com", "example.com"),
    ({"example.com": "psd=y", "com": ""}, "a.example.com", "a.example.com", "example.com"),
]


@pytest.mark.parametrize(("published", "start", "organization", "applies"), CASES)
async def test_the_tree_says_whose_a_name_is(
    zone, resolver, published, start, organization, applies
):
    for name, tags in published.items():
        zone.txt(f"_dmarc.{name}", f"v=DMARC1; p=reject; {tags}")
    walked = await walk(start, resolver)
    assert organizational_domain(walked) == organization
    found = policy_record(walked)
    assert (found and found[0]) == applies


async def test_records_that_are_none_are_passed_by(zone, resolver):
    zone.txt("_dmarc.a.example.com", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    zone.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    assert policy_record(await walk("a.example.com", resolver)) == (
        "example.com",
        PolicyRecord("reject"),
    )


async def test_a_server_that_fails_leaves_the_walk_open_unless_it_had_ended_before(zone, resolver):
    zone.faults["_dmarc.example.com"] = "servfail"
    with pytest.raises(UnansweredError):
        await walk("a.example.com", resolver)
    zone.txt("_dmarc.b.example.com", "v=DMARC1; p=reject; psd=n")
    assert organizational_domain(await walk("b.example.com", resolver)) == "b.example.com"
