"""The audit budget: how many labels a day are asked for, and of which messages.

The chance of a message depends on the stratum of its logit. The budget has four parts:

- 40 % go where the verdict is in doubt, for that is where a label teaches (measured: random audits
  add nothing to a model, those between -1 and 3 do);
- 25 % tell of false positives and 20 % of misses: mail above and below 0, each by volume times the
  deviation of "a mistake" (Neyman, 1934), so that both estimates are narrow. Held-back mail is rare
  and its mistakes cost most: it gets more than its volume would;
- 15 % are spread over all mail alike, so that nothing is ever out of sight: without them, what is
  missed in full confidence would never be found.

Every message has a chance above 0, which its verdict records; from it follow unbiased estimates.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from math import exp, inf, sqrt
from typing import Final, NamedTuple

import msgspec

from models.manifest import ArtifactError

__all__ = ["EDGES", "Chances", "Volume", "allocate", "chances"]

EDGES: Final = (-6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0)
"""Logits between the strata."""

_DOUBT: Final = (-1.0, 3.0)
_SHARES: Final = (0.4, 0.25, 0.2, 0.15)  # doubt, false positives, misses, everything
_LEAST_MISTAKES: Final = 0.002  # a stratum is never believed to be surer than this
_DIGITS: Final = 3
_HOURS: Final = 24
_BUSIEST: Final = 6  # an hour seldom brings more than a sixth of a day's mail
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_LEAST_SECONDS: Final = 3600.0  # of a start: what a minute brought says nothing of a day
_SCHEMA: Final = 1


class Chances(NamedTuple):
    """The chances by stratum with the version that names them (streams.model_records.Theta)."""

    version: str
    edges: tuple[float, ...]
    chances: tuple[float, ...]


def chances(volumes: Sequence[float], budget: float) -> Chances:
    """Return the chances for a day's volume by stratum of EDGES; equal ones have one version."""
    found = tuple(float(f"{p:.{_DIGITS}g}") for p in allocate(volumes, budget))
    text = repr((EDGES, found)).encode("ascii")
    return Chances(f"t{blake2b(text, digest_size=5).hexdigest()}", EDGES, found)


def allocate(volumes: Sequence[float], budget: float) -> tuple[float, ...]:
    """Return the chance of each stratum of EDGES, in (0, 1].

    They add up to the budget over the volumes; where the budget covers all mail, each is 1. What
    a stratum can't use, as it is asked about in full, goes to the others. A stratum that had no
    mail is given the chance that a message of its kind would have had.

    Args:
        volumes: messages a day by stratum, one more than EDGES.
        budget: labels a day.
    """
    total = sum(volumes)
    if total <= budget:
        return (1.0,) * len(volumes)
    middles = _middles()
    spread = [_spread(middle) for middle in middles]
    parts = (
        [
            s if _DOUBT[0] < middle < _DOUBT[1] else 0.0
            for middle, s in zip(middles, spread, strict=True)
        ],
        [s if middle > 0 else 0.0 for middle, s in zip(middles, spread, strict=True)],
        [s if middle < 0 else 0.0 for middle, s in zip(middles, spread, strict=True)],
        [1.0] * len(volumes),
    )
    merits = [0.0] * len(volumes)
    for share, merit in zip(_SHARES, parts, strict=True):
        wanted = sum(m * volume for m, volume in zip(merit, volumes, strict=True))
        if wanted:
            merits = [was + share * m / wanted for was, m in zip(merits, merit, strict=True)]
    return _poured(merits, volumes, budget)


def _poured(merits: list[float], volumes: Sequence[float], budget: float) -> tuple[float, ...]:
    """Return min(1, level * merit) with the level at which the budget is spent."""
    full: set[int] = set()
    while True:
        left = budget - sum(volumes[at] for at in full)
        open_ = [at for at in range(len(merits)) if at not in full]
        wanted = sum(merits[at] * volumes[at] for at in open_)
        level = left / wanted if wanted else 0.0
        over = {at for at in open_ if level * merits[at] > 1.0}
        if not over:
            return tuple(1.0 if at in full else level * m for at, m in enumerate(merits))
        full |= over


def _middles() -> list[float]:
    inner = [(low + high) / 2 for low, high in pairwise(EDGES)]
    return [EDGES[0] - 1, *inner, EDGES[-1] + 1]


def _spread(logit: float) -> float:
    """Return the standard deviation of "this verdict is a mistake", never nothing."""
    mistake = max(_LEAST_MISTAKES, 1.0 / (1.0 + exp(abs(logit))))
    return sqrt(mistake * (1.0 - mistake))


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    first: float
    hours: dict[int, list[float]]


class Volume:
    """How much mail came in each stratum in the last day, by the hour.

    Times are those that are given, so that a replayed stream gives the same counts. A burst makes
    the chances fall while it lasts: mail that grows X-fold is asked about by 50 and some more
    times the logarithm of X, not by 50 times X.
    """

    def __init__(self) -> None:
        self._hours: dict[int, list[float]] = {}
        self._first = inf

    def add(self, logit: float, at: float, weight: float = 1.0) -> None:
        """Count a verdict with this logit at this time (s), that stands for `weight` of them."""
        hour = int(at // _HOUR)
        row = self._hours.get(hour)
        if row is None:
            newest = max(self._hours, default=hour)
            if hour < newest - _HOURS:  # it comes a day late, and tells nothing of this one
                return
            row = self._hours[hour] = [0.0] * (len(EDGES) + 1)
            for old in [known for known in self._hours if known < hour - _HOURS]:
                del self._hours[old]
        self._first = min(self._first, at)
        row[bisect_right(EDGES, logit)] += weight

    def daily(self, now: float) -> tuple[float, ...]:
        """Return messages a day by stratum as of now (s): those of the last 24 hours and this one.

        Extrapolated where counting began less than a day ago, or where one hour had so much that
        it can't be the busiest of an ordinary day.
        """
        last = int(now // _HOUR)
        rows = [row for hour, row in self._hours.items() if last - _HOURS <= hour]
        total = sum(map(sum, rows))
        if not total:
            return (0.0,) * (len(EDGES) + 1)
        begun = _DAY / min(_DAY, max(_LEAST_SECONDS, now - self._first))
        more = max(begun, _BUSIEST * max(map(sum, rows)) / total)
        return tuple(more * sum(column) for column in zip(*rows, strict=True))

    def to_bytes(self) -> bytes:
        """Return the counts as MessagePack."""
        return msgspec.msgpack.encode(_Kept(_SCHEMA, self._first, self._hours))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Volume":
        """Read them back; raises ArtifactError, one line, where it isn't what `to_bytes` wrote."""
        try:
            kept = msgspec.msgpack.decode(data, type=_Kept)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtifactError(f"volume of mail: {error}") from None
        if kept.schema != _SCHEMA or any(len(row) != len(EDGES) + 1 for row in kept.hours.values()):
            raise ArtifactError("volume of mail: counts by other strata")
        volume = cls()
        volume._hours, volume._first = kept.hours, kept.first
        return volume
