import pytest

from apps.hook.verifying.policy_records import PolicyRecord, parse_policies, parse_policy


def test_a_record_is_read_with_all_its_tags():
    text = "v=DMARC1; p=reject; sp=Quarantine; np=none; adkim=s; aspf=S; psd=n; t=y; pct=50; x=1"
    assert parse_policy(text) == PolicyRecord(
        "reject", "quarantine", "none", strict_dkim=True, strict_spf=True, psd="n", testing=True
    )


def test_a_record_without_more_has_the_defaults():
    assert parse_policy(" v=DMARC1;p=none".strip()) == PolicyRecord("none")
    assert parse_policy("v = DMARC1 ; P = Reject ;") == PolicyRecord("reject")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=spf1 -all",
        "v=DMARC2; p=none",
        "v=dmarc1; p=none",
        "p=none; v=DMARC1",
        "v=DMARC10; p=none",
    ],
)
def test_other_records_are_none(text):
    assert parse_policy(text) is None


@pytest.mark.parametrize("tags", ["", "p=", "p=block", "p=reject; sp=no", "p=reject; np=perhaps"])
def test_a_record_with_wrong_policies_asks_for_none_if_it_asks_for_reports(tags):
    assert parse_policy(f"v=DMARC1; {tags}").p is None
    assert parse_policy(f"v=DMARC1; {tags}; rua=nobody").p is None
    assert parse_policy(f"v=DMARC1; {tags}; rua=mailto:d@a.test").p == "none"


def test_of_two_records_none_counts_but_other_texts_do_not_matter():
    assert parse_policies(("v=DMARC1; p=none", "v=DMARC1; p=reject")) is None
    assert parse_policies(("hello", "v=DMARC1; p=none")) == PolicyRecord("none")
    assert parse_policies(()) is None
