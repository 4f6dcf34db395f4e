"""The exact interval of a share, for numbers of labels that need not be whole."""

from math import exp, lgamma, log, log1p
from typing import Final

__all__ = ["beta_below", "interval"]

_TAIL: Final = 0.025  # on each side: 95 %
_HALVINGS: Final = 60
_TERMS: Final = 500
_NONE: Final = 1e-6  # hits, or misses, that are a sum's rounding and no more
_CLOSE: Final = 1e-12
_TINY: Final = 1e-300


def interval(hits: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Clopper and Pearson, 1934); (0, 1) without labels.

    Never narrower than promised, which for few hits Wilson's is at its lower end. `total` may be
    an effective number of labels, as Korn and Graubard (1998) use it for surveys.
    """
    if total <= 0:
        return 0.0, 1.0
    low = _quantile(_TAIL, hits, total - hits + 1) if hits > _NONE else 0.0
    high = _quantile(1 - _TAIL, hits + 1, total - hits) if total - hits > _NONE else 1.0
    return low, high


def beta_below(x: float, a: float, b: float) -> float:
    """Return the chance that a beta variable with parameters a, b > 0 is at most x in [0, 1]."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x > (a + 1) / (a + b + 2):  # where the continued fraction is slow, the other side's isn't
        return 1.0 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of the incomplete beta function (Lentz, 1976)."""
    c, d = 1.0, 1.0 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _apart(1 + term * d)
            c = _apart(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _apart(value: float) -> float:
    """Return a divisor that isn't 0."""
    return value if abs(value) > _TINY else _TINY


def _quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_below(middle, a, b) < share else (low, middle)
    return (low + high) / 2
