"""Points as rspamd's users expect them: thresholds at 6, 10 and 15, a higher logit more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.hook.api.scale import in_band, scale_of
from detectors.actions import ACTIONS, MICRO, logit_micro

SHIPPED = {"add_header": 0.5, "quarantine": 0.9, "reject": 0.99}


@pytest.fixture
def verdict(core, mail):
    """Return a verdict with other thresholds."""
    made = core()
    (judged,) = made.judge.judge([_incoming(mail())])
    return lambda thresholds: replace(judged.verdict, thresholds=thresholds, bias=-4 * MICRO)


def _incoming(submission):
    from datetime import UTC, datetime

    from features.envelope import Envelope, Incoming

    return Incoming(Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC)), submission.raw)


@pytest.mark.parametrize(
    ("score", "points"), [(0.5, 6.0), (0.9, 10.0), (0.99, 15.0), (0.017986, 0.0)]
)
def test_the_thresholds_of_the_policy_lie_where_rspamd_has_them(verdict, score, points):
    scale = scale_of(verdict(SHIPPED))
    assert scale.points(logit_micro(score)) == pytest.approx(points, abs=0.001)


def test_beyond_the_outer_anchors_the_lines_go_on(verdict):
    scale = scale_of(verdict(SHIPPED))
    assert scale.points(-8 * MICRO) == pytest.approx(-6.0)
    assert scale.points(8 * MICRO) > 20


@given(
    st.dictionaries(st.sampled_from(ACTIONS), st.floats(0.0, 1.0), max_size=6),
    st.lists(st.integers(-(10**8), 10**8), min_size=2, max_size=20),
)
def test_more_logit_is_never_fewer_points_whatever_the_thresholds(scored, thresholds, logits):
    scale = scale_of(scored(thresholds))
    points = [scale.points(logit) for logit in sorted(logits)]
    assert points == sorted(points)


@pytest.fixture(scope="module")
def scored():
    """Return what hypothesis may call many times: a verdict's part that the scale reads."""
    from types import SimpleNamespace

    return lambda thresholds: SimpleNamespace(thresholds=thresholds, bias=-4 * MICRO)


@pytest.mark.parametrize(
    ("points", "action", "held"),
    [
        (22.0, "accept", 5.99),
        (-3.0, "accept", -3.0),
        (1.0, "add_header", 6.0),
        (22.0, "add_header", 14.99),
        (22.0, "quarantine", 14.99),
        (1.0, "defer", 1.0),
        (22.0, "defer", 14.99),
        (2.0, "reject", 15.0),
        (17.25, "reject", 17.25),
        (2.0, "discard", 15.0),
    ],
)
def test_points_never_contradict_the_action(points, action, held):
    assert in_band(points, action) == held
