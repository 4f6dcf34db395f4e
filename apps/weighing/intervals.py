"""How far a share or a threshold may be off, given the messages it rests on."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_most", "bootstrap_quantile", "quantile", "wilson"]

_Z = 1.959964  # two-sided 95 % of the normal distribution
_ROUNDS = 1_000
_DRAWS = 20_000_000  # of all rounds together: a large collection needs fewer rounds
_SEED = 20_261_121

Floats = NDArray[np.float64]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); (0, 1) where there is nothing."""
    if not total:
        return 0.0, 1.0
    share, room = hits / total, _Z * _Z / total
    centre = (share + room / 2) / (1 + room)
    half = _Z / (1 + room) * math.sqrt(share * (1 - share) / total + room / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def at_most(hits: int, total: int) -> float:
    """Return the share that a count doesn't rule out: of zero, three in all (rule of three)."""
    if hits:
        return wilson(hits, total)[1]
    return min(1.0, 3 / total) if total else 1.0


def quantile(scores: Floats, share: float) -> float:
    """Return the lowest score that at most a share of them, rounded down, exceeds."""
    place = len(scores) - 1 - int(share * len(scores) + 1e-9)
    return float(np.partition(scores, place)[place])


def bootstrap_quantile(scores: Floats, share: float) -> tuple[float, float]:
    """Return what bounds 90 % of the quantiles of resampled scores; the same each time."""
    draw = np.random.default_rng(_SEED)
    rounds = max(100, min(_ROUNDS, _DRAWS // len(scores)))
    found = [quantile(draw.choice(scores, len(scores)), share) for _ in range(rounds)]
    low, high = np.quantile(found, [0.05, 0.95], method="inverted_cdf")
    return float(low), float(high)
