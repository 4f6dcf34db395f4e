"""How judged messages ended, read from the topic of verdicts: a byte a message, by log position."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from detectors.outcomes import bad_by_content, is_delivered
from detectors.record import decode
from features.envelope import LogPosition

__all__ = ["Outcome", "Outcomes"]

_JUDGED, _DELIVERED, _BAD = 1, 2, 4


class Outcome(NamedTuple):
    """Whether a message was delivered to an inbox, and whether its content alone was bad."""

    delivered: bool
    bad: bool


class Outcomes:
    """What the first verdict on each message of one mail log says.

    Of whatever epoch: where Redis lost its data, the same log goes on under another one.
    """

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._found: dict[int, bytearray] = {}

    def add(self, value: bytes) -> None:
        """Take note of an encoded verdict; one that can't be read says nothing."""
        try:
            verdict = decode(value)
        except (msgspec.MsgspecError, ValueError):
            return
        place = verdict.log
        if place is None:
            return
        said = _JUDGED
        said |= _DELIVERED if is_delivered(verdict) else 0
        said |= _BAD if bad_by_content(verdict) else 0
        self._note(place.partition, place.offset, said)

    def of(self, position: LogPosition) -> Outcome | None:
        """Return how the message at a position ended, None if nothing is known."""
        found = self._found.get(position.partition, b"")
        at = position.offset - self._first.get(position.partition, 0)
        said = found[at] if 0 <= at < len(found) else 0
        return Outcome(bool(said & _DELIVERED), bool(said & _BAD)) if said else None

    def ends(self) -> Iterator[tuple[int, int]]:
        """Yield each partition with the offset behind its last judged message."""
        for partition, found in self._found.items():
            yield partition, self._first[partition] + len(found)

    def _note(self, partition: int, offset: int, said: int) -> None:
        found = self._found.setdefault(partition, bytearray())
        first = self._first.setdefault(partition, offset)
        if offset < first:
            found[:0] = bytes(first - offset)
            self._first[partition] = first = offset
        at = offset - first
        if at >= len(found):
            found.extend(bytes(at + 1 - len(found)))
        found[at] = found[at] or said
