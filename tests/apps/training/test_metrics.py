"""Figures agree with their definitions, worked out by hand or by brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from apps.training import metrics

SCORES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25).map(np.array)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(SCORES, SCORES)
def test_the_area_is_scikit_learns_ties_included(spam, ham):
    expected = roc_auc_score([1] * len(spam) + [0] * len(ham), np.concatenate([spam, ham]))

    area = metrics.roc(spam, ham)

    assert area.area == pytest.approx(expected)
    assert area.complement == pytest.approx(1 - expected)


def test_the_interval_is_delongs_on_the_logit():
    """Reference: the TREC spam track's form, worked out with scipy's ranks and distributions."""
    area = metrics.roc(np.array([3.0, 4, 5, 1]), np.array([0.0, 2, 1, 0.5, -1]))

    assert area.complement == pytest.approx(0.075)
    assert (area.low, area.high) == pytest.approx((0.00631255, 0.50856696), rel=1e-5)


def test_a_perfect_ranking_has_no_interval():
    area = metrics.roc(np.array([2.0, 3]), np.array([0.0, 1]))

    assert (area.area, area.complement) == (1.0, 0.0)
    assert math.isnan(area.low)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(SCORES, SCORES, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_recall_is_the_best_over_all_thresholds_that_keep_the_target(spam, ham, rate):
    candidates = [*np.unique(np.concatenate([spam, ham])), math.inf]
    allowed = [t for t in candidates if np.mean(ham >= t) <= rate + 1e-12]
    best = max(np.mean(spam >= t) for t in allowed)

    point = metrics.recall_at(spam, ham, rate)

    assert point.recall == pytest.approx(best)
    assert np.mean(ham >= point.threshold) == pytest.approx(point.false_positive_rate)


def test_a_tie_at_the_top_leaves_no_threshold():
    point = metrics.recall_at(np.array([1.0]), np.array([1.0, 0.0]), 0.1)

    assert point == (0.0, 0.0, math.inf)


def test_recall_needs_ham():
    with pytest.raises(ValueError, match="needs ham"):
        metrics.recall_at(np.array([1.0]), np.array([]), 0.1)


def test_probability_scores_are_scikit_learns():
    spam = np.array([True, False, True, False])
    probability = np.array([0.9, 0.2, 0.4, 0.5])

    assert metrics.brier(probability, spam) == pytest.approx(brier_score_loss(spam, probability))
    assert metrics.log_loss(probability, spam) == pytest.approx(log_loss(spam, probability))


def test_certainty_that_is_wrong_costs_much_but_not_infinity():
    assert 20 < metrics.log_loss(np.array([1.0]), np.array([False])) < 40


def test_reliability_counts_each_message_once_edges_included():
    probability = np.array([0.0, 0.01, 0.6, 0.8, 1.0])

    bins = metrics.reliability(probability, np.array([False, False, True, False, True]))

    assert [(b.low, b.messages) for b in bins] == [(0.0, 1), (0.01, 1), (0.5, 2), (0.99, 1)]
    assert bins[2].predicted == pytest.approx(0.7)
    assert bins[2].observed == 0.5
