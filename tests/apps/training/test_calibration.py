"""Calibration finds the affine map that made the labels, and stays finite where they separate."""

import math

import numpy as np
import pytest

from apps.training.calibration import fit_calibration, sigmoid


def test_a_known_map_is_found_again():
    rng = np.random.default_rng(3)
    margins = rng.normal(scale=3, size=40_000)
    spam = rng.random(40_000) < sigmoid(0.5 * margins - 1.0)

    found = fit_calibration(margins, spam, np.ones(40_000))

    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(-1.0, abs=0.05)


def test_weights_count_as_repetitions():
    rng = np.random.default_rng(4)
    margins = rng.normal(size=300)
    spam = rng.random(300) < sigmoid(margins)
    weights = rng.integers(1, 4, size=300)

    weighted = fit_calibration(margins, spam, weights.astype(float))
    repeated = fit_calibration(
        np.repeat(margins, weights), np.repeat(spam, weights), np.ones(weights.sum())
    )

    assert weighted.slope == pytest.approx(repeated.slope, abs=0.02)
    assert weighted.intercept == pytest.approx(repeated.intercept, abs=0.02)


def test_a_perfect_ranking_does_not_ask_for_infinite_confidence():
    margins = np.array([-2.0, -1.0, 1.0, 2.0] * 20)

    found = fit_calibration(margins, margins > 0, np.ones(80))

    assert 1 < found.slope < 100
    assert math.isfinite(found.intercept)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        fit_calibration(np.ones(3), np.array([True] * 3), np.ones(3))


def test_the_logistic_function_does_not_overflow():
    assert sigmoid(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]
