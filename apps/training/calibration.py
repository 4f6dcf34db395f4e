"""Platt scaling: the affine map from raw margins to log-odds that fits held-out labels best."""

import numpy as np
from numpy.typing import NDArray

from models.manifest import Calibration

__all__ = ["fit_calibration", "sigmoid"]

_ITERATIONS = 100
_CONVERGED = 1e-10
_RIDGE = 1e-3  # separable data would send the slope to infinity


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logistic function of logits, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float64)


def fit_calibration(
    margins: NDArray[np.float64], spam: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Calibration:
    """Return slope and intercept of least weighted log loss, by Newton's method.

    Targets are smoothed as in Platt (1999), with the effective class counts of the weights, so
    that a perfect ranking doesn't ask for infinite confidence. All arrays have shape (n,).
    Raises ValueError where one of the classes is missing.
    """
    if spam.all() or not spam.any():
        raise ValueError("calibration needs both classes, one given")
    positive, negative = _effective(weights[spam]), _effective(weights[~spam])
    target = np.where(spam, (positive + 1) / (positive + 2), 1 / (negative + 2))
    weights = weights / weights.mean()
    design = np.stack([margins, np.ones_like(margins)], axis=1)
    theta = np.array([1.0, 0.0])
    ridge = np.diag([_RIDGE, 0.0])
    for _ in range(_ITERATIONS):
        probabilities = sigmoid(design @ theta)
        gradient = design.T @ (weights * (probabilities - target)) + ridge @ (theta - [1.0, 0.0])
        curvature = weights * np.maximum(probabilities * (1 - probabilities), 1e-9)
        step = np.linalg.solve((design.T * curvature) @ design + ridge, gradient)
        theta = theta - np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < _CONVERGED:
            break
    return Calibration(slope=float(theta[0]), intercept=float(theta[1]))


def _effective(weights: NDArray[np.float64]) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())
