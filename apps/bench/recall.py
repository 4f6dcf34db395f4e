"""Recall at thresholds that were fixed on legitimate mail alone, with intervals."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.weighing.intervals import quantile

__all__ = ["ROUNDS", "Recall", "Target", "hits", "paired", "recall"]

Floats = NDArray[np.float64]

ROUNDS = 400
"""Resamplings of an interval."""

_SEED = 20_261_121


class Target(NamedTuple):
    """Abuse to be found: which messages, and the campaign of each of them."""

    members: NDArray[np.bool_]
    campaigns: NDArray[np.intp]

    @classmethod
    def of(cls, members: NDArray[np.bool_], campaigns: NDArray[np.intp]) -> "Target":
        """Return the target of some messages of all, campaigns numbered anew."""
        _, own = np.unique(campaigns[members], return_inverse=True)
        return cls(members, own)


class Recall(NamedTuple):
    """A threshold with its recall by message and by campaign; low and high bound 90 %."""

    ham: int
    above: int
    threshold: float
    recall: float
    low: float
    high: float
    by_campaign: float


def hits(scores: Floats, cut: float, members: NDArray[np.bool_]) -> Floats:
    """Return for each message the share of its scores, shape (k, n), above a threshold."""
    return np.asarray((scores[:, members] > cut).mean(0))


def recall(scores: Floats, ham: NDArray[np.bool_], target: Target, share: float) -> Recall:
    """Return the recall where at most a share of ham lies above.

    The interval is of resampled ham and resampled campaigns, drawn whole: their messages are
    near-copies. `by_campaign` is the mean over campaigns of the share found of each.
    """
    own = scores[0, ham]
    cut = quantile(own, share)
    found = hits(scores, cut, target.members)
    draws = _draws({"it": scores}, ham, target, share)["it"]
    low, high = np.quantile(draws, [0.05, 0.95])
    sizes = np.bincount(target.campaigns)
    by_campaign = np.bincount(target.campaigns, found) / sizes
    return Recall(
        len(own),
        int(np.count_nonzero(own > cut)),
        round(cut, 3),
        round(float(found.mean()), 4),
        round(float(low), 4),
        round(float(high), 4),
        round(float(by_campaign.mean()), 4),
    )


def paired(
    one: Floats, other: Floats, ham: NDArray[np.bool_], target: Target, share: float
) -> tuple[float, float, float]:
    """Return how much more of the target `one` finds than `other`, with 90 % of resamplings.

    Both see the same resampled messages, each at its own threshold.
    """
    cuts = [quantile(scores[0, ham], share) for scores in (one, other)]
    found = [hits(s, cut, target.members).mean() for s, cut in zip((one, other), cuts, strict=True)]
    draws = _draws({"one": one, "other": other}, ham, target, share)
    low, high = np.quantile(draws["one"] - draws["other"], [0.05, 0.95])
    return round(float(found[0] - found[1]), 4), round(float(low), 4), round(float(high), 4)


def _draws(
    scorers: Mapping[str, Floats], ham: NDArray[np.bool_], target: Target, share: float
) -> dict[str, Floats]:
    draw = np.random.default_rng(_SEED)
    places = np.flatnonzero(ham)
    count = int(target.campaigns.max()) + 1
    drawn: dict[str, list[float]] = {name: [] for name in scorers}
    for _ in range(ROUNDS):
        again = draw.choice(places, len(places))
        times = np.bincount(draw.integers(count, size=count), minlength=count)[target.campaigns]
        for name, scores in scorers.items():
            found = hits(scores, quantile(scores[0, again], share), target.members)
            drawn[name].append(float((found * times).sum() / times.sum()))
    return {name: np.array(values) for name, values in drawn.items()}
