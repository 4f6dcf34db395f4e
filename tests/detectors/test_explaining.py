"""An explanation says why a verdict is as it is, to the last millionth, and what it would be."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from detectors.actions import probability
from detectors.catalogue import DETECTORS, SPECS
from detectors.explaining import Explainer, explain_recorded
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.record import decode, encode
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from features.history import known
from models.classifier import Classifier

ROOT = Path(__file__).parents[2]
PHISH = ROOT / "examples" / "inbound" / "written-phish-parcel-de.eml"
MAIL = [*(ROOT / "examples").rglob("*.eml"), *(ROOT / "tests/corpus/signals").glob("*/fires.eml")]
CLASSIFIER = Classifier.shipped()


def _judge(policy="", detectors=DETECTORS, classifier=CLASSIFIER):
    return Judge(
        Context(), classifier, read_policy(policy), shipped_stack(), "engine", detectors=detectors
    )


def _incoming(path=PHISH, **fields):
    at = datetime(2026, 11, 1, tzinfo=UTC)
    raw = path if isinstance(path, bytes) else path.read_bytes()
    return Incoming(Envelope(id="1", received_at=at, **fields), raw)


def _explain(policy="", path=PHISH, history=None, fields=None, **options):
    core, message = _judge(policy, **options), _incoming(path, **(fields or {}))
    prepared = core.prepare([message])
    judged = core.conclude(prepared, [history]) if history else core.judge([message])
    return Explainer(core).explain(message, judged[0])


def _named(explanation):
    return {tried.name: tried for tried in explanation.signals}


@pytest.mark.parametrize("path", MAIL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_contribution_is_weight_times_strength_divided_by_rank_unless_the_cap_took_more(path):
    found = _explain(path=path)
    for tried in found.signals:
        explained = int(tried.full / tried.divided_by)
        if tried.capped:
            assert abs(tried.contribution) < abs(explained), tried.name
        else:
            assert tried.contribution == explained, tried.name
    total = found.verdict.bias + sum(tried.contribution for tried in found.signals)
    assert total == found.verdict.logit
    assert sum(g.against + g.in_favour for g in found.groups) == total - found.verdict.bias


def test_every_signal_of_the_catalogue_and_every_shipped_model_was_tried_once():
    names = [tried.name for tried in _explain().signals]
    assert names == [*SPECS, "learned_classifier"]


def test_within_a_group_the_second_counts_half_and_later_ones_a_quarter():
    links = [tried for tried in _explain().signals if tried.group == "combinations" and tried.found]
    ranks = [
        tried.divided_by
        for tried in sorted(links, key=lambda tried: (-tried.full, tried.divided_by))
    ]
    assert ranks[:4] == [1, 2, 4, 4]


def test_what_the_groups_cap_took_is_said():
    [tried] = [
        tried
        for tried in _explain("[signals.link_shortener_only]\nweight = 20.0\n").signals
        if tried.name == "link_shortener_only"
    ]
    assert tried.capped
    assert tried.full > tried.contribution


def test_a_draft_leaves_no_trace_but_in_the_basis_and_is_explained():
    draft = '[signals.display_name_brand]\nmode = "draft"\n'
    found = _explain(draft)
    bare = msgspec.structs.replace(found.verdict, basis=msgspec.UNSET)
    assert b'"display_name_brand"' not in encode(bare)
    tried = _named(found)["display_name_brand"]
    assert (tried.found, tried.mode, tried.contribution) == (True, "draft", 0)
    assert "DHL" in tried.reason
    assert found.verdict.logit + tried.would == _explain().verdict.logit


def test_a_signal_in_shadow_is_named_in_the_verdict_counts_nothing_and_would_count():
    found = _explain('[signals.link_shortener_only]\nmode = "shadow"\n')
    tried = _named(found)["link_shortener_only"]
    assert found.verdict.shadow == ("signal:link_shortener_only",)
    assert "link_shortener_only" not in {signal.name for signal in found.verdict.signals}
    assert tried.contribution == 0
    assert found.verdict.logit + tried.would == _explain().verdict.logit


def test_a_signal_that_found_nothing_would_do_nothing_in_any_mode():
    found = _explain('[signals.link_punycode]\nmode = "draft"\n')
    assert _named(found)["link_punycode"].would is None
    assert found.rehearsal is None


def test_a_weight_of_the_policy_is_in_force_and_shown_as_such():
    tried = _named(_explain("[signals.link_shortener_only]\nweight = 1.5\n"))
    mine, other = tried["link_shortener_only"], tried["display_name_brand"]
    assert mine.weight.policy == 1.5
    assert mine.weight.origin == "policy"
    assert mine.weight.shipped == shipped_stack().weight("link_shortener_only")
    assert mine.full == round(1_000_000 * mine.weight.in_force)
    assert other.weight.origin == "shipped"
    assert other.weight.policy is None


def test_a_tenants_own_mode_and_weight_hold_for_its_mail_alone():
    policy = """
[tenant.acme.signals.display_name_brand]
mode = "draft"
[tenant.acme.signals.link_shortener_only]
weight = 0.5
"""
    theirs = _named(_explain(policy, fields={"tenant": "acme"}))
    ours = _named(_explain(policy))
    assert theirs["display_name_brand"].contribution == 0
    assert ours["display_name_brand"].contribution > 0
    assert theirs["link_shortener_only"].weight.policy == 0.5
    assert ours["link_shortener_only"].weight.origin == "shipped"


HELD = """
[signals.display_name_brand]
mode = "draft"
[signals.link_shortener_only]
mode = "shadow"
[[rules]]
name = "mine"
when = "'display_name_brand' in signals"
action = "defer"
reason = "a test"
mode = "draft"
"""


def test_the_rehearsal_is_what_a_policy_without_held_back_parts_says():
    found, live = _explain(HELD), _explain(HELD.replace("draft", "live").replace("shadow", "live"))
    assert found.rehearsal.logit == live.verdict.logit
    assert found.rehearsal.score == probability(live.verdict.logit)
    assert found.rehearsal.action == live.verdict.action == "defer"
    assert found.verdict.action == "reject"
    assert live.rehearsal is None


RULES = """
[[rules]]
name = "hits"
when = "score > 0.5"
action = "quarantine"
reason = "a test"
mode = "draft"
[[rules]]
name = "misses"
when = "score < 0.5"
action = "quarantine"
reason = "a test"
mode = "shadow"
[[rules]]
name = "breaks"
when = "url_domains[7] == 'x'"
action = "quarantine"
reason = "a test"
"""


def test_each_rule_says_whether_it_matched_drafts_too():
    rules = _explain(RULES).rules
    assert [(rule.name, rule.mode, rule.matched) for rule in rules] == [
        ("hits", "draft", True),
        ("misses", "shadow", False),
        ("breaks", "live", None),
    ]


def test_a_live_rule_is_the_last_step_and_says_why():
    policy = '[[rules]]\nname = "all"\nwhen = "true"\naction = "accept"\nreason = "a test"\n'
    steps = _explain(policy).steps
    assert [(step.by, step.action) for step in steps] == [
        ("score", "reject"),
        ("groups", "reject"),
        ("rule:all", "accept"),
    ]
    assert steps[-1].why == "a test"


def test_of_two_overrides_the_first_decides_and_both_are_told():
    rule = '[[rules]]\nname = "{}"\nwhen = "true"\naction = "{}"\nreason = "a test"\n'
    steps = _explain(rule.format("one", "accept") + rule.format("two", "defer")).steps
    assert [(step.by, step.action) for step in steps[-2:]] == [
        ("rule:one", "accept"),
        ("rule:two", "accept"),
    ]
    assert "rule:one decides" in steps[-1].why


def test_the_second_group_is_a_step_where_the_score_is_high_enough_to_reject():
    alone = "".join(
        f'[signals.{name}]\nmode = "draft"\n'
        for name in (*SPECS, "learned_classifier")
        if name != "link_shortener_only"
    )
    heavy = "[signals.link_shortener_only]\nweight = 30.0\n[thresholds.inbound]\nreject = 0.91\n"
    found = _explain(alone + heavy)
    steps = [(step.by, step.action) for step in found.steps]
    assert steps == [("score", "reject"), ("groups", "quarantine")]
    assert [group.name for group in found.groups if group.speaks] == ["links"]


def test_a_policy_in_shadow_is_the_last_step():
    steps = _explain("shadow = true\n").steps
    assert (steps[-1].by, steps[-1].action) == ("shadow", "add_header")
    assert steps[0].action == "reject"


def test_without_a_history_what_needs_one_says_so():
    alone, watched = _explain(), _explain(history=known({"sender.age": 1e6}))
    assert _named(alone)["burst_new_sender"].unheard == "needs the sender's history"
    assert _named(watched)["burst_new_sender"].unheard == ""
    assert _named(alone)["bounce_forged"].unheard == "needs the sender's history"
    assert _named(alone)["link_punycode"].unheard == ""


def test_a_detector_that_failed_and_a_model_that_is_missing_are_said():
    class Broken:
        specs = DETECTORS[1].specs

        def detect(self, _evidence, _context):
            raise RuntimeError

    found = _named(_explain(detectors=(Broken(),), classifier=None))
    assert found[DETECTORS[1].specs[0].name].unheard == "its detector failed on this message"
    assert found["learned_classifier"].unheard == "the model gave no margin"


def test_a_broken_message_is_explained_by_the_policys_on_failure():
    core, message = _judge(), _incoming()
    degraded = msgspec.structs.replace(core.judge([message])[0].verdict, logit=None, score=None)
    judged = type(core.judge([message])[0])(degraded, None, "broke")
    found = Explainer(core).explain(message, judged)
    assert [step.by for step in found.steps] == ["on_failure"]
    assert found.signals == ()


@pytest.mark.parametrize("path", MAIL[::5], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recorded_verdict_is_explained_as_it_was_when_it_was_made(path):
    core, message = _judge(HELD), _incoming(path)
    judged = core.judge([message])[0]
    then = Explainer(core).explain(message, judged)
    recorded = decode(encode(judged.verdict))
    assert encode(explain_recorded(recorded, core.terms_of(message))) == encode(then)


def test_what_a_rule_that_reads_the_mail_would_do_is_left_open_when_explained_without_it():
    rule = """
[[rules]]
name = "asks"
when = 'subject == "x"'
action = "reject"
reason = "Asks"
mode = "draft"
"""
    core, message = _judge(rule), _incoming()
    recorded = decode(encode(core.judge([message])[0].verdict))
    told = explain_recorded(recorded, core.terms_of(message))
    assert (told.rehearsal, told.rules[0].matched) == (None, None)
    assert [tried.found for tried in told.signals].count(True) == len(recorded.signals)


def test_a_verdict_without_a_basis_cannot_be_explained_signal_by_signal():
    core, message = _judge(), _incoming()
    verdict = core.judge([message])[0].verdict
    bare = msgspec.structs.replace(verdict, basis=msgspec.UNSET)
    with pytest.raises(ValueError, match="no basis"):
        explain_recorded(bare, core.terms_of(message))
