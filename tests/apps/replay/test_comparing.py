import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from apps.quality.truths import Truth
from apps.replay.comparing import Comparing
from apps.replay.comparison import Comparison
from apps.replay.consequence import consequence_of
from apps.replay.digest import RunDigest
from apps.replay.effects import curves, effects, paired_difference
from detectors.actions import ACTIONS, Override
from detectors.asking import NOT_ASKED
from detectors.record import encode
from detectors.signals import Signal
from detectors.verdict import FeatureValues, Verdict

HAM, ABUSE = Truth(False, "analyst"), Truth(True, "report")


def _verdict(at, action="accept", logit=-2_000_000, **fields):
    given = {
        "id": f"m{at}",
        "delivery_key": None,
        "log": None,
        "tenant": "default",
        "direction": "inbound",
        "received_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=at),
        "from_domain": f"d{at % 5}.example",
        "mail_from_domain": "",
        "sender": "",
        "client_net": "",
        "rcpt_count": 1,
        "fingerprint": "",
        "action": action,
        "class_": "spam" if logit > 0 else "ham",
        "score": 1 / (1 + 2.718281828 ** (-logit / 1e6)),
        "logit": logit,
        "thresholds": {"reject": 0.99},
        "bias": -1_000_000,
        "signals": (Signal("spf_fail", "authentication", logit + 1_000_000, "r", {}),),
        "overrides": (),
        "features": FeatureValues("s", ""),
        "models": (),
        "policy": "p",
        "engine": "e",
        "facts": {},
        "shadow": (),
        "degraded": (),
        "flags": (),
        "ask": NOT_ASKED,
        **fields,
    }
    return Verdict(**given)


def _add(comparing, before, after, truth=None, **said):
    comparing.add(f"{before.id}.judged", (before, encode(before)), after, truth, **said)


def _drawn(count):
    draw = random.Random(7)
    for at in range(count):
        before = _verdict(at, draw.choice(ACTIONS), draw.randrange(-9_000_000, 9_000_000))
        after = _verdict(at, draw.choice(ACTIONS), draw.randrange(-9_000_000, 9_000_000))
        yield before, after, draw.choice([None, None, HAM, ABUSE])


def test_parts_of_a_run_come_to_what_one_pass_comes_to_in_any_order():
    whole, parts = Comparing(20), [Comparing(20) for _ in range(7)]
    for at, (before, after, truth) in enumerate(_drawn(700)):
        _add(whole, before, after, truth, by_mail=at % 3 == 0)
        _add(parts[at % 7], before, after, truth, by_mail=at % 3 == 0)
    whole.leave("policy x")
    parts[2].leave("policy x")
    whole.miss("a file")
    parts[3].miss("a file")
    merged = Comparing(20)
    for part in reversed(parts):
        travelled = msgspec.json.decode(msgspec.json.encode(part), type=Comparing)
        merged.merge(travelled)
    assert merged.comparison(("a",)) == whole.comparison(("a",))


def test_a_comparison_is_written_and_read_back():
    comparing = Comparing()
    for before, after, truth in _drawn(50):
        _add(comparing, before, after, truth)
    comparing.leave("the mail, for subject")
    told = comparing.comparison(("reject from 0.9 on",))
    assert msgspec.json.decode(msgspec.json.encode(told), type=Comparison) == told


def test_flows_and_changes_are_counted_and_add_up():
    comparing = Comparing()
    _add(comparing, _verdict(0), _verdict(0))
    _add(comparing, _verdict(1), _verdict(1, "reject", 5_000_000))
    _add(comparing, _verdict(2, "reject"), _verdict(2, "quarantine"))
    comparing.leave("basis")
    told = comparing.comparison(())
    assert [(it.before, it.after, it.messages) for it in told.flows] == [
        ("accept", "accept", 1),
        ("accept", "reject", 1),
        ("reject", "quarantine", 1),
    ]
    assert (told.messages, told.compared, told.changed) == (4, 3, 2)
    assert (told.harsher, told.milder, told.scores_changed) == (1, 1, 1)
    assert [(it.what, it.messages) for it in told.untold] == [("basis", 1)]
    assert told.unread == ()
    assert told.since == datetime(2026, 1, 1, tzinfo=UTC)
    assert told.until == datetime(2026, 1, 1, 0, 2, tzinfo=UTC)


def test_digests_are_those_of_the_verdicts_before_and_after():
    comparing, before, after = Comparing(), RunDigest(), RunDigest()
    for was, now, _ in _drawn(5):
        _add(comparing, was, now)
        before.add(f"{was.id}.judged", encode(was))
        after.add(f"{was.id}.judged", encode(now))
    told = comparing.comparison(())
    assert (told.digest_before, told.digest_after) == (before.hex, after.hex)


def test_ham_that_would_be_refused_comes_first_however_many_changes_there_are():
    comparing = Comparing(3)
    for at in range(50):
        _add(comparing, _verdict(at), _verdict(at, "add_header"))
    _add(comparing, _verdict(50), _verdict(50, "reject"), HAM)
    _add(comparing, _verdict(51, "reject"), _verdict(51), ABUSE)
    for at in range(52, 99):
        _add(comparing, _verdict(at), _verdict(at, "add_header"))
    told = comparing.comparison(())
    assert [change.consequence for change in told.changes] == [
        "ham now refused",
        "abuse now let through",
        "now marked",
    ]
    assert told.changes[0].said_by == "analyst"


def test_among_equals_what_looked_most_honest_comes_first():
    comparing = Comparing()
    for at, logit in enumerate((1_000_000, -6_000_000, -2_000_000)):
        _add(comparing, _verdict(at, logit=logit), _verdict(at, "reject", 8_000_000))
    assert [change.id for change in comparing.comparison(()).changes] == ["m1", "m2", "m0"]


def test_a_change_tells_what_moved():
    before = _verdict(0, overrides=(Override("allow:domain:a.example", "accept", "r"),))
    after = _verdict(
        0,
        "reject",
        3_000_000,
        thresholds={"reject": 0.9, "quarantine": 0.5},
        overrides=(Override("rule:new", "reject", "r"),),
        signals=(Signal("dkim_fail", "authentication", 4_000_000, "r", {}),),
    )
    comparing = Comparing()
    _add(comparing, before, after)
    (change,) = comparing.comparison(()).changes
    assert [(it.name, it.before, it.after) for it in change.moved] == [
        ("dkim_fail", None, 4_000_000),
        ("spf_fail", -1_000_000, None),
    ]
    assert [(it.action, it.before, it.after) for it in change.thresholds] == [
        ("quarantine", None, 0.5),
        ("reject", 0.99, 0.9),
    ]
    assert (change.gained, change.lost) == (("rule:new",), ("allow:domain:a.example",))


@pytest.mark.parametrize("truth", ["ham", "abuse", ""])
def test_every_change_of_action_means_something(truth):
    graver = {"ham now refused", "ham now held", "abuse now let through"}
    for before in ACTIONS:
        for after in ACTIONS:
            if before != after:
                said = consequence_of(before, after, truth, known=False)
                assert said.startswith((truth or "now", "now milder"))
                mends = ACTIONS.index(after) > ACTIONS.index(before)
                if truth:
                    assert not (said in graver and mends is (truth == "abuse"))


def test_a_correspondent_who_would_be_stopped_is_told_apart():
    stopped = "known correspondent now stopped"
    assert consequence_of("accept", "quarantine", "", known=True) == stopped
    assert consequence_of("accept", "add_header", "", known=True) == "now marked"


def test_tenants_and_domains_are_counted_apart():
    comparing = Comparing()
    _add(comparing, _verdict(0), _verdict(0, "reject"), HAM)
    _add(comparing, _verdict(5), _verdict(5))
    _add(comparing, _verdict(1, "reject", tenant="acme"), _verdict(1), ABUSE)
    told = comparing.comparison(())
    by_name = {it.name: it for it in told.tenants}
    assert (by_name["default"].harsher, by_name["default"].ham_stopped_after) == (1, 1)
    assert (by_name["acme"].milder, by_name["acme"].abuse_through_after) == (1, 1)
    assert [(it.name, it.messages, it.changed) for it in told.domains] == [
        ("d0.example", 2, 1),
        ("d1.example", 1, 1),
    ]


def test_scores_lie_in_bins_and_nothing_falls_out():
    comparing = Comparing()
    for at, logit in enumerate((-99_000_000, 0, 99_000_000, None)):
        _add(comparing, _verdict(at, logit=0), _verdict(at, logit=logit or 0, score=0.5))
    (whole,) = comparing.comparison(()).scores
    assert sum(whole.before) == sum(whole.after) == 4
    assert whole.after[0] == whole.after[-1] == 1


def test_effects_count_mistakes_of_both_runs():
    outcomes = {("ham", 0, 4): 3, ("ham", 0, 0): 97, ("abuse", 4, 4): 50, ("abuse", 0, 4): 10}
    found = {it.what: it for it in effects(outcomes)}
    refused = found["ham refused"]
    assert (refused.before.hits, refused.after.hits, refused.after.total) == (0, 3, 100)
    assert refused.difference is not None
    assert refused.difference.value == pytest.approx(0.03)
    passed = found["abuse let through as it is"]
    assert (passed.before.hits, passed.after.hits, passed.after.total) == (10, 0, 60)


def test_the_interval_of_a_paired_difference_is_newcombes():
    # Newcombe 1998, table III: method 10 of (36, 12, 2, 0) is 0.0569 to 0.3404.
    found = paired_difference(36, 12, 2, 0)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=2e-4)


def test_a_thinned_curve_keeps_what_lies_near_the_threshold():
    """One ham in ten thousand is what thresholds are chosen by: it mustn't go as too small."""
    draw = random.Random(3)
    labelled = [(int(draw.gauss(-5e6, 2e6)), 0, False) for _ in range(20_000)]
    labelled += [(int(draw.gauss(8e6, 2e6)), 0, True) for _ in range(2_000)]
    points = curves(labelled)[0].points
    small = [point for point in points if 0 < point.ham_misjudged < 0.001]
    assert len(small) > 8
    assert len(points) < 450


def test_curves_need_both_classes_and_end_in_both_corners():
    assert curves([(0, 1, True)]) == ()
    labelled = [(at * 1000, -at * 1000, at > 500) for at in range(1000)]
    before, after = curves(labelled)
    assert before.area == 0
    assert after.area == pytest.approx(100)
    for curve in (before, after):
        assert len(curve.points) < 450
        assert (curve.points[0].ham_misjudged, curve.points[0].abuse_caught) == (0, 0)
        assert (curve.points[-1].ham_misjudged, curve.points[-1].abuse_caught) == (1, 1)
