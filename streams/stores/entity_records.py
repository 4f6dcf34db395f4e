"""Records of entities as both stores keep them: a small one for what was seen once, else full."""

from features.rolling import (
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
    """Return what a record of either size says at time `at` (seconds)."""
    if not is_full(record):
        first, seen = read_sighting(record)
        record = fold(kind, None, first, seen, arrival=True)
    return decode(kind, record, at)
