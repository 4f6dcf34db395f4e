"""Figures have known answers on small streams, ties included, and never flatter."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.evaluation.comparison import paired
from apps.evaluation.figures import (
    Scores,
    calibration_error,
    curve,
    lam,
    missed,
    ranking,
    wilson,
)


def scores(spam, ham):
    labels = np.array([True] * len(spam) + [False] * len(ham))
    return Scores(np.array([*spam, *ham], float), labels)


def test_the_area_counts_pairs_and_a_tie_as_half():
    """Six pairs of spam and ham: four right, one tied, one wrong."""
    found = ranking(scores(spam=[3, 2, 0], ham=[2, -1]))
    assert found["one_minus_roca_pct"] == pytest.approx(100 * (1 + 0.5) / 6)


def test_messages_of_one_score_lie_on_one_side_of_a_threshold():
    """Ten of ten spam share a score with one of ten ham: none is caught without misjudging it."""
    tied = scores(spam=[1.0] * 10, ham=[1.0] + [0.0] * 9)
    assert missed(tied, 0.05).spam_missed == 1.0
    assert missed(tied, 0.10).spam_missed == 0.0


def test_a_rate_that_is_reached_exactly_is_allowed():
    point = missed(scores(spam=[5, 3, 1], ham=[4, 2, *[0] * 998]), 0.001)
    assert point.ham_misjudged == pytest.approx(0.001)
    assert point.threshold == 3.0
    assert point.spam_missed == pytest.approx(1 / 3)


def test_no_spam_is_caught_where_the_highest_score_is_a_hams():
    assert missed(scores(spam=[1.0], ham=[2.0]), 0.5).spam_missed == 1.0


def test_the_interval_is_delongs_on_the_logit():
    """Worked out by hand: spam's shares of ham below are 1 and 1/2, ham's of spam above 1 and 1/2.

    Both variances are 1/8, so that of the area is 1/8; 1 - area is 1/4, and so the standard
    error of its logit is sqrt(1/8) / (1/4 * 3/4).
    """
    found = ranking(scores(spam=[3, 1], ham=[2, 0]))
    half = 1.959964 * math.sqrt(1 / 8) / (3 / 16)
    low, high = (1 / (1 + math.exp(-(math.log(1 / 3) + sign * half))) for sign in (-1, 1))
    assert found["one_minus_roca_pct"] == pytest.approx(25)
    assert found["one_minus_roca_pct_low"] == pytest.approx(100 * low)
    assert found["one_minus_roca_pct_high"] == pytest.approx(100 * high)


def test_a_perfect_ranking_has_no_interval_and_a_lone_class_no_figure():
    perfect = ranking(scores(spam=[1, 2], ham=[0, -1]))
    assert perfect["one_minus_roca_pct"] == 0
    assert perfect["one_minus_roca_pct_low"] is None
    alone = ranking(scores(spam=[], ham=[1, 2]))
    assert alone["one_minus_roca_pct"] is None
    assert alone["missed_pct_at_0.1%"] is None


@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=30),
    st.lists(st.integers(-4, 4), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]),
)
@settings(derandomize=True)
def test_missed_spam_is_what_the_best_single_threshold_gives(spam, ham, rate):
    """Held to the definition, tried threshold by threshold."""
    found = [
        sum(value < threshold for value in spam) / len(spam)
        for threshold in (*range(-4, 5), 99)
        if sum(value >= threshold for value in ham) <= rate * len(ham) + 1e-9
    ]
    assert missed(scores(spam, ham), rate).spam_missed == pytest.approx(min(found))


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=20),
    st.lists(st.integers(-3, 3), min_size=1, max_size=20),
)
@settings(derandomize=True)
def test_the_area_under_the_curves_corners_is_the_area_of_the_ranks(spam, ham):
    points = curve(scores(spam, ham))
    under = sum(
        (after.ham_misjudged - before.ham_misjudged) * (after.spam_missed + before.spam_missed) / 2
        for before, after in pairwise(points)
    )
    assert 100 * under == pytest.approx(ranking(scores(spam, ham))["one_minus_roca_pct"])


def test_wilsons_interval_of_a_known_share():
    """10 of 100: 5.52 to 17.44 %, as tables have it; of none of 10, up to 27.75 %."""
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=5e-5)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_lam_is_the_mean_of_the_two_logits_and_a_zero_counts_half_a_message():
    assert lam(10, 100, 10, 100) == pytest.approx(0.1)
    odds = math.sqrt((0.5 / 99.5) * (1 / 3))
    assert lam(0, 100, 25, 100) == pytest.approx(odds / (1 + odds))
    assert lam(0, 0, 1, 2) is None


def test_calibration_is_judged_in_bins_of_equal_mass():
    """Of the lower half none is spam and 0.2 is said, of the upper all are and 0.9 is said."""
    said = np.array([0.2] * 50 + [0.9] * 50)
    truth = np.array([False] * 50 + [True] * 50)
    found = calibration_error(said, truth, bins=10)
    assert found["expected_error"] == pytest.approx((0.2 + 0.1) / 2)
    assert found["brier"] == pytest.approx((0.04 + 0.01) / 2)


def test_a_filter_that_is_better_on_the_same_messages_is_told_from_luck():
    draw = np.random.default_rng(1)
    truth = draw.random(2_000) < 0.4
    good = Scores(truth * 3 + draw.normal(size=2_000), truth)
    worse = Scores(good.logits + draw.normal(size=2_000), truth)
    found = paired(good, worse, rounds=200)["one_minus_roca_pct"]
    assert found["low"] <= found["difference"] <= found["high"] < 0
    assert found["p_not_better"] == 0
    assert paired(worse, good, rounds=200)["one_minus_roca_pct"]["p_not_better"] == 1


def test_a_filter_compared_with_itself_differs_by_nothing():
    same = scores(spam=[3, 2, 0], ham=[2, -1])
    assert {value for row in paired(same, same, rounds=20).values() for value in row.values()} == {
        0,
        1,
    }


def test_streams_of_different_labels_are_not_compared():
    with pytest.raises(ValueError, match="different labels"):
        paired(scores([1], [0]), scores([1, 2], [0]))
