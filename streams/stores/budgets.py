"""How much is kept of each kind of entity, and for how long: budgets, cut into segments.

An entity lives in one of a few segments of its shard and kind. The newest takes what is written;
the oldest is dropped whole when a new one begins, and with it what was not written since.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from features.rolling import DAY, KINDS, Kind

__all__ = ["SEGMENTS", "Budget", "Share", "budgets", "shard_of", "share"]

SEGMENTS: Final = 4
"""Segments of a shard and kind, of full records and of sightings each."""


class Budget(NamedTuple):
    """Most entities of a kind: full records, and sightings (entities seen once)."""

    entities: int = 250_000
    sightings: int = 500_000


class Share(NamedTuple):
    """One segment's part of a budget: most entries, and the seconds for which it takes them.

    What is written last into a segment outlives it by as many spans as there are other segments:
    the kind's days. `expires` is the segment's own end in seconds, should nothing follow it.
    """

    entities: int
    sightings: int
    span: float
    expires: int


def budgets(default: Budget, exceptions: Iterable[str] = ()) -> Mapping[str, Budget]:
    """Return the budget of every kind; exceptions read `kind=entities/sightings`.

    Raises ValueError with one line for an exception that can't be read.
    """
    held = dict.fromkeys(KINDS, default)
    for exception in exceptions:
        name, _, numbers = exception.partition("=")
        entities, _, sightings = numbers.partition("/")
        if name not in KINDS or not (entities.isdecimal() and sightings.isdecimal()):
            raise ValueError(
                f"{exception!r}; allowed: kind=entities/sightings, kinds: {', '.join(KINDS)}"
            )
        held[name] = Budget(int(entities), int(sightings))
    return held


def share(kind: Kind, budget: Budget, shards: int) -> Share:
    """Return what one segment of one shard holds of a kind, at least one entity."""
    parts = SEGMENTS * shards
    span = kind.days * DAY / (SEGMENTS - 1)
    return Share(
        max(1, budget.entities // parts),
        max(1, budget.sightings // parts),
        span,
        int(SEGMENTS * span),
    )


def shard_of(key: bytes, shards: int) -> int:
    """Return the shard of an entity's key."""
    return (key[0] << 8 | key[1]) % shards
