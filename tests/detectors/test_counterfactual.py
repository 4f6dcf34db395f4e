"""What would have changed an action: true when judged so, and nothing in it can be left out."""

from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from detectors.actions import ACTIONS
from detectors.basis import Found
from detectors.catalogue import SPECS
from detectors.changes import policy_changes, reading_changes
from detectors.counterfactual import counterfactual
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.record import decode, encode
from detectors.rejudging import rejudge
from detectors.stack import shipped_stack
from detectors.terms import prepare
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from models.classifier import Classifier
from models.ensemble import Ensemble

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "inbound").glob("*.eml"))[::6]
PHISH = ROOT / "examples" / "inbound" / "written-phish-parcel-de.eml"
CLASSIFIER = Classifier.shipped()
AT = datetime(2026, 11, 1, tzinfo=UTC)
FAILED = {"spf": Fact("fail", "edge", AT), "dmarc": Fact("fail", "edge", AT)}
WEAK = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nSee you at 5.\r\n"
)


def _judge(policy=""):
    stack = shipped_stack()
    return Judge(
        Context(hash_key=b"k" * 32),
        CLASSIFIER,
        read_policy(policy),
        stack,
        "engine",
        models=Ensemble.fresh(stack.fresh_fusion()),
    )


def _incoming(raw, facts=None):
    envelope = Envelope(
        id="1",
        received_at=AT,
        mail_from="ann@example.org",
        rcpt_to=("bob@example.com",),
        facts=FAILED if facts is None else facts,
    )
    return Incoming(envelope, raw)


def _judged(raw, policy="", facts=None):
    judge, message = _judge(policy), _incoming(raw, facts)
    return decode(encode(judge.judge([message])[0].verdict)), judge.terms_of(message)


def _after(verdict, terms, changes):
    """Judge anew with changes, each found by what it is called."""
    basis, policy = verdict.basis, terms.policy
    possible = {
        each.change: each
        for each in (
            *reading_changes(verdict, basis, terms),
            *policy_changes(verdict, basis, terms),
        )
    }
    for change in changes:
        basis = possible[change].on(basis)
        if possible[change].policy:
            policy = possible[change].policy(policy)
    terms = prepare(policy, terms.policy_digest, terms.stack, terms.context, terms.engine)
    return rejudge(replace(verdict, basis=basis), terms)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_alternative_holds_and_none_of_its_changes_can_be_left_out(path):
    verdict, terms = _judged(path.read_bytes())
    found = counterfactual(verdict, terms)
    assert not found.unknown
    was = ACTIONS.index(verdict.action)
    for side, alternatives in ((-1, found.milder), (1, found.harsher)):
        for each in alternatives:
            level = ACTIONS.index(each.action)
            assert side * level > side * was
            assert _after(verdict, terms, each.changes).action == each.action
            for fewer in combinations(each.changes, len(each.changes) - 1):
                after = ACTIONS.index(_after(verdict, terms, fewer).action)
                assert side * after < side * level, (each, fewer)


def test_the_smallest_changes_are_told_first():
    found = counterfactual(*_judged(PHISH.read_bytes()))
    for family in ("less", "more", "policy"):
        sizes = [len(each.changes) for each in found.milder if each.family == family]
        assert sizes == sorted(sizes)


def test_accepted_if_dmarc_had_passed_is_what_the_judge_says_when_it_passes():
    policy = "[thresholds.inbound]\nadd_header = 0.005\n"
    verdict, terms = _judged(WEAK, policy, {"dmarc": FAILED["dmarc"]})
    [told] = [each for each in counterfactual(verdict, terms).milder if each.family == "less"][:1]
    assert [change.words for change in told.changes] == ["DMARC had passed"]
    passed, _ = _judged(WEAK, policy, {"dmarc": Fact("pass", "edge", AT)})
    assert (verdict.action, told.action, passed.action) == ("add_header", "accept", "accept")
    assert (told.score, verdict.logit + told.moved) == (passed.score, passed.logit)


def test_a_threshold_that_is_told_decides_so_when_it_is_written_into_the_policy():
    verdict, terms = _judged(WEAK)
    [told] = [
        each
        for each in counterfactual(verdict, terms).harsher
        if each.changes[0].words.startswith("the threshold of quarantine were")
    ]
    score = told.changes[0].words.rpartition(" ")[2]
    text = "[thresholds.inbound]\nadd_header = false\nquarantine = "
    assert _judged(WEAK, text + score)[0].action == told.action == "quarantine"
    above = f"{float(score) + 0.000001:.6f}"
    assert _judged(WEAK, text + above)[0].action == "accept"


def test_thresholds_that_should_lie_above_a_score_are_reached_up_to_that_score():
    verdict, terms = _judged(WEAK, "[thresholds.inbound]\nadd_header = 0.000001\n")
    [told] = [
        each
        for each in counterfactual(verdict, terms).milder
        if each.changes[0].words.startswith("the threshold of add_header were above")
    ]
    score = told.changes[0].words.rpartition(" ")[2]
    text = "[thresholds.inbound]\nadd_header = "
    assert _judged(WEAK, text + score)[0].action == "add_header"
    above = f"{float(score) + 0.000001:.6f}"
    assert _judged(WEAK, text + above)[0].action == told.action == "accept"


RULE = """
[[rules]]
name = "no-hello"
when = 'from_domain == "example.org"'
action = "reject"
reason = "Not from there"
"""


def test_a_rule_that_decided_is_what_would_have_to_go():
    verdict, terms = _judged(WEAK, RULE)
    assert verdict.action == "reject"
    told = counterfactual(verdict, terms).milder
    assert [(each.action, each.changes[0].words) for each in told] == [
        ("accept", "the rule no-hello weren't in force")
    ]


def test_an_entry_of_a_list_that_decided_is_what_would_have_to_go():
    policy = '[[deny]]\naddress = "ann@example.org"\nreason = "Not her"\n'
    verdict, terms = _judged(WEAK, policy)
    assert verdict.overrides[0].name.startswith("deny:address:")
    [told] = counterfactual(verdict, terms).milder
    assert told.changes[0].name == verdict.overrides[0].name
    assert told.action == "accept"


def test_shadow_mode_and_what_is_held_back_are_changes_of_the_policy():
    verdict, terms = _judged(PHISH.read_bytes(), "shadow = true\n")
    words = [each.changes[0].words for each in counterfactual(verdict, terms).harsher]
    assert words == ["the policy weren't in shadow mode"]
    shadowed = RULE + 'mode = "shadow"\n'
    verdict, terms = _judged(WEAK, shadowed)
    words = [each.changes[0].words for each in counterfactual(verdict, terms).harsher]
    assert "the rule no-hello were live" in words


def test_a_fact_that_a_rule_reads_changes_what_the_rule_says():
    rule = RULE.replace('from_domain == "example.org"', 'spf == "fail"')
    verdict, terms = _judged(WEAK, rule)
    told = counterfactual(verdict, terms).milder
    assert "SPF had passed" in [each.changes[0].words for each in told]


def test_where_a_rule_reads_the_mail_a_changed_fact_is_untold_and_the_rest_told():
    rule = RULE.replace('from_domain == "example.org"', 'subject == "hello" && spf == "fail"')
    verdict, terms = _judged(WEAK, rule)
    found = counterfactual(verdict, terms)
    assert found.untold
    words = [change.words for each in found.milder for change in each.changes]
    assert "SPF had passed" not in words
    assert "the rule no-hello weren't in force" in words


def test_nothing_is_told_of_a_verdict_that_is_another_by_what_is_at_hand():
    verdict, _ = _judged(PHISH.read_bytes())
    other = _judge("[signals.display_name_brand]\nweight = 0.1\n").terms_of(_incoming(b""))
    found = counterfactual(verdict, other)
    assert "isn't the same verdict" in found.unknown
    assert (found.milder, found.harsher) == ((), ())


def test_nothing_is_told_of_a_message_that_broke_the_pipeline():
    verdict, terms = _judged(WEAK)
    broken = replace(verdict, logit=None, score=None, basis=msgspec.UNSET)
    assert "broke the pipeline" in counterfactual(broken, terms).unknown
    assert "no basis" in counterfactual(replace(verdict, basis=msgspec.UNSET), terms).unknown


def test_the_search_is_bounded_whatever_was_found():
    verdict, terms = _judged(WEAK)
    findings = tuple(Found(name, reason="all at once") for name in SPECS)
    loud = rejudge(replace(verdict, basis=replace(verdict.basis, findings=findings)), terms)
    found = counterfactual(loud, terms)
    assert not found.unknown
    assert found.tried < 2_000
