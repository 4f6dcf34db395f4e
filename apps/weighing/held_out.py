"""Each message by weights that never saw its own unit of mail: leave-one-source-out."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.weighing.counts import Counts, count
from apps.weighing.intervals import bootstrap_quantile, quantile
from apps.weighing.seen import Seen
from detectors.catalogue import SPECS
from detectors.stack import Stack
from detectors.verdict import MICRO
from detectors.weights import Base, SignalWeight, Threshold, Weights

__all__ = ["SHARES", "bare", "left_out", "sums", "thresholds"]

SHARES = (0.001, 0.005, 0.01)
"""Of legitimate mail: what thresholds are worked out for."""

_DIGITS = 3

Recipe = Callable[[Counts], dict[str, SignalWeight]]


def left_out(
    seen: Sequence[Seen], pool_of: Mapping[str, str], recipe: Recipe, base: Weights
) -> dict[str, Weights]:
    """Return, by unit, weights made by a recipe of all legitimate mail but that unit's.

    Raises ValueError where there is one unit only, and so nothing without it.
    """
    ham = [one for one in seen if one.legitimate]
    units = sorted({one.unit for one in ham})
    if len(units) < 2:
        raise ValueError("one source of legitimate mail given, two needed to leave one out")
    whole = count(ham, pool_of)
    return {
        unit: msgspec.structs.replace(
            base,
            signals=recipe(whole.without(count([o for o in ham if o.unit == unit], pool_of))),
        )
        for unit in units
    }


def bare(weights: Weights) -> Stack:
    """Return a stack whose logit is the sum of the signals' contributions, in raw logits."""
    return Stack(msgspec.structs.replace(weights, stack=Base(bias=0.0), learned={}), SPECS)


def sums(
    seen: Sequence[Seen], by_unit: Mapping[str, Weights], whole: Weights
) -> NDArray[np.float64]:
    """Return each message's sum of signals: by its unit's weights if there are such, else whole."""
    stacks = {unit: bare(weights) for unit, weights in by_unit.items()}
    other = bare(whole)
    return np.array(
        [stacks.get(one.unit, other).weigh(one.findings, ()).logit / MICRO for one in seen],
        dtype=np.float64,
    )


def thresholds(scores: NDArray[np.float64]) -> tuple[Threshold, ...]:
    """Return the sum that each of SHARES of legitimate mail exceeds, with its interval."""
    found = []
    for share in SHARES:
        cut = quantile(scores, share)
        low, high = bootstrap_quantile(scores, share)
        found.append(
            Threshold(
                share=share,
                sum=round(cut, _DIGITS),
                low=round(min(low, cut), _DIGITS),
                high=round(max(high, cut), _DIGITS),
                ham=len(scores),
                above=int(np.count_nonzero(scores > cut)),
            )
        )
    return tuple(found)
