"""Records of entities as both stores keep them: a small one for what was seen once, else full."""

import math
from functools import lru_cache

from features.rolling import (
    DAY,
    KINDS,
    SIGHTING_BYTES,
    Kind,
    Reading,
    decode,
    fold,
    read_sighting,
    sighting,
)

__all__ = ["added", "is_full", "read"]


def is_full(record: bytes) -> bool:
    """Tell a full record from a sighting: no full one is as small."""
    return len(record) > SIGHTING_BYTES


def added(
    kind: Kind, record: bytes | None, at: float, items: bytes, tag: bytes, *, arrival: bool
) -> bytes:
    """Return the record after an increment at time `at`.

    The first increment makes a sighting if it fits one. What becomes known of that same message
    later is added to it while it fits; another arrival makes the record full.
    """
    if record is None:
        small = None if tag else sighting(at, items)
        return fold(kind, None, at, items, tag, arrival=arrival) if small is None else small
    if not is_full(record):
        first, seen = read_sighting(record)
        if not arrival and first == at and not tag:
            small = sighting(at, seen + items)
            if small is not None:
                return small
        record = fold(kind, None, first, seen, arrival=True)
    return fold(kind, record, at, items, tag, arrival=arrival)


def read(kind: Kind, record: bytes, at: float) -> Reading:
    """Return what a record of either size says at time `at` (seconds).

    The same as `decode`, which is spared where nothing has aged: a message's own increment.
    """
    if is_full(record):
        numbers = kind.layout.unpack_from(record)
        if at > numbers[1]:
            return decode(kind, record, at)
        sketches = record[8 * kind.doubles : kind.size]
    else:
        first, items = read_sighting(record)
        if at > first:
            return decode(kind, fold(kind, None, first, items, arrival=True), at)
        counts, sketches = _seen_once(kind.name, items)
        day = (float(math.floor(first / DAY)),) if kind.sketches else ()
        numbers = (first, first, -math.inf, *counts, *day)
    tag = record[kind.size :] if kind.tagged else b""
    return Reading(kind, numbers[0], numbers[1], numbers[2], numbers, sketches, tag)


@lru_cache(maxsize=4096)
def _seen_once(kind_name: str, items: bytes) -> tuple[tuple[float, ...], bytes]:
    """Return the counts and sketches of a sighting's items: its time makes no difference."""
    kind = KINDS[kind_name]
    reading = decode(kind, fold(kind, None, 0.0, items, arrival=True), 0.0)
    return reading.numbers[3 : 3 + len(kind.places)], reading.sketches
