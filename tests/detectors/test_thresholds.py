from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.actions import ACTIONS, logit_micro, probability
from detectors.thresholds import Bands, contradiction

BANDS = {"add_header": 0.5, "quarantine": 0.9, "reject": 0.99}


def decide(p, groups=9, thresholds=BANDS, needs=2):
    return Bands(thresholds, needs).decide(logit_micro(p), groups)


def test_the_highest_threshold_reached_decides():
    assert [decide(p) for p in (0.4999, 0.5, 0.8999, 0.9, 0.9899, 0.99)] == [
        "accept",
        "add_header",
        "add_header",
        "quarantine",
        "quarantine",
        "reject",
    ]


def test_reject_needs_a_second_group_and_else_the_next_lower_action_holds():
    assert decide(0.999, groups=1) == "quarantine"
    assert decide(0.999, groups=2) == "reject"
    assert decide(0.999, groups=1, needs=1) == "reject"
    assert decide(0.999, 1, {"reject": 0.9, "discard": 0.99}) == "accept"


def test_a_threshold_that_is_off_is_never_reached():
    bands = Bands({**BANDS, "quarantine": 0.0}, 2)
    assert bands.decide(logit_micro(0.95), 9) == "add_header"
    assert bands.scores == {"add_header": 0.5, "reject": 0.99}


def test_defer_may_come_before_a_milder_action():
    thresholds = {"defer": 0.6, "quarantine": 0.9}
    assert decide(0.7, thresholds=thresholds) == "defer"
    assert decide(0.95, thresholds=thresholds) == "quarantine"
    assert contradiction(thresholds) == ""


def test_a_milder_action_above_a_harsher_one_is_a_contradiction():
    assert contradiction({"quarantine": 0.9, "reject": 0.8}).startswith("quarantine = 0.9")
    assert contradiction({"quarantine": 0.9, "reject": 0.9})
    assert not contradiction({"quarantine": 0.9, "reject": 0.0})
    assert not contradiction(BANDS)


@settings(derandomize=True)
@given(st.integers(-50_000_000, 50_000_000), st.integers(-50_000_000, 50_000_000))
def test_a_higher_logit_never_gets_a_milder_action(one, other):
    bands = Bands(BANDS, 1)
    low, high = sorted((one, other))
    assert ACTIONS.index(bands.decide(low, 1)) <= ACTIONS.index(bands.decide(high, 1))


@settings(derandomize=True)
@given(st.floats(1e-6, 1 - 1e-6))
def test_logit_and_probability_undo_each_other(p):
    assert abs(probability(logit_micro(p)) - p) < 2e-6


def test_extreme_logits_have_a_probability():
    assert probability(10**12) == 1.0
    assert probability(-(10**12)) == 0.0
