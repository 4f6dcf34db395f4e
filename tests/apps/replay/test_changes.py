import pytest

from apps.replay.changes import Changes, ChangesError, read_changes, read_rule
from detectors.policy_file import read_policy, shipped_policy
from detectors.stack import shipped_stack

STACK = shipped_stack()


def _changes(thresholds=(), without=(), rules=()):
    return read_changes(thresholds, without, rules, STACK)


def test_without_changes_policies_are_the_same_to_the_digest():
    assert Changes().on(shipped_policy()) is shipped_policy()


def test_a_threshold_for_any_class_holds_where_a_class_has_its_own():
    policies = read_policy(
        "[thresholds.inbound]\nreject = 0.99\n[thresholds.inbound.phish]\nreject = 0.97\n"
    )
    changed = _changes(["reject=0.95"]).on(policies).default
    assert changed.thresholds_for("inbound", "spam")["reject"] == 0.95
    assert changed.thresholds_for("inbound", "phish")["reject"] == 0.95


def test_without_a_direction_a_threshold_moves_where_the_policy_has_one():
    changed = _changes(["reject=0.95"]).on(shipped_policy()).default
    assert "reject" not in changed.thresholds_for("outbound", "spam")
    nowhere = _changes(["defer=0.97"]).on(shipped_policy()).default
    assert nowhere.thresholds_for("inbound", "spam")["defer"] == 0.97
    assert nowhere.thresholds_for("outbound", "spam")["defer"] == 0.97


def test_a_threshold_with_direction_and_class_is_for_these_alone():
    before = shipped_policy().default
    after = _changes(["inbound.phish.reject=0.96"]).on(shipped_policy()).default
    assert after.thresholds_for("inbound", "phish")["reject"] == 0.96
    for direction, class_ in (("inbound", "spam"), ("outbound", "phish")):
        assert after.thresholds_for(direction, class_) == before.thresholds_for(direction, class_)


def test_never_takes_a_threshold_off():
    changed = _changes(["reject=never", "discard=never"]).on(shipped_policy()).default
    assert changed.thresholds_for("inbound", "spam")["reject"] == 0


def test_changes_hold_for_every_tenant_and_conflicts_name_theirs():
    policies = read_policy("[tenant.acme.thresholds.inbound]\nquarantine = 0.97\nreject = 0.99\n")
    with pytest.raises(ChangesError, match=r"inbound of tenant acme: quarantine = 0.97 doesn't"):
        _changes(["inbound.reject=0.96"]).on(policies)
    changed = _changes(rules=["true"], without=["text"]).on(policies)
    for policy in (changed.default, changed.tenants["acme"]):
        assert [rule.name for rule in policy.rules] == ["what-if-1"]
        assert policy.signals["learned_text"].mode == "draft"


def test_a_rule_of_a_what_if_comes_first_and_keeps_the_others():
    policies = read_policy(
        "[[rules]]\nname = 'old'\nwhen = 'true'\naction = 'reject'\nreason = 'r'\n"
    )
    changed = _changes(rules=["accept: score < 0.5", "score > 0.5"]).on(policies).default
    assert [(rule.name, rule.action) for rule in changed.rules] == [
        ("what-if-1", "accept"),
        ("what-if-2", "reject"),
        ("old", "reject"),
    ]


def test_a_colon_within_a_condition_is_no_action():
    rule = read_rule('score > 0.5 ? listed == "" : false')
    assert (rule.action, rule.when) == ("reject", 'score > 0.5 ? listed == "" : false')


@pytest.mark.parametrize(
    "given",
    ["reject=", "=0.5", "accept=0.5", "inbound.inbound.reject=0.5", "reject=nan", "x.reject=0.5"],
)
def test_a_threshold_that_is_none_says_what_is_allowed(given):
    with pytest.raises(ChangesError, match="allowed"):
        _changes([given])
