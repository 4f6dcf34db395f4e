"""Verdicts that came too late, kept for the sender's retry of the same delivery."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from features.delivery import delivery_key
from features.envelope import Direction, Envelope

__all__ = ["Delivery", "LateVerdicts", "delivery_of"]

_SECONDS: Final = 3600.0
_MOST: Final = 10_000
_MOST_BYTES: Final = 67_108_864


class Delivery(NamedTuple):
    """What a retry shares with the attempt before: neither queue id nor Message-ID is in it."""

    tenant: str
    direction: Direction
    key: str


class _Kept(NamedTuple):
    """An encoded verdict, and until when it holds."""

    value: bytes
    until: float


def delivery_of(envelope: Envelope, raw: bytes) -> Delivery:
    """Return the delivery that a message is an attempt of; reads the whole message."""
    key = delivery_key(raw, envelope.mail_from, envelope.rcpt_to)
    return Delivery(envelope.tenant, envelope.direction, key)


class LateVerdicts:
    """Encoded verdicts by delivery, for an hour, bounded in number and bytes: the oldest go first.

    Each is given once: what is sent a third time is judged anew, so that nobody can send the same
    message for an hour under one verdict.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Delivery, _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def put(self, delivery: Delivery, value: bytes) -> None:
        """Keep an encoded verdict; a later one on the same delivery takes its place."""
        self._drop(delivery)
        now = self._clock()
        self._kept[delivery] = _Kept(value, now + _SECONDS)
        self._bytes += len(value)
        while self._kept and (
            len(self._kept) > _MOST or self._bytes > _MOST_BYTES or self._oldest_until() <= now
        ):
            self._drop(next(iter(self._kept)))

    def take(self, delivery: Delivery) -> bytes | None:
        """Return the verdict kept for a delivery, None where there is none any more."""
        kept = self._drop(delivery)
        return kept.value if kept is not None and kept.until > self._clock() else None

    def _oldest_until(self) -> float:
        return next(iter(self._kept.values())).until

    def _drop(self, delivery: Delivery) -> _Kept | None:
        kept = self._kept.pop(delivery, None)
        if kept is not None:
            self._bytes -= len(kept.value)
        return kept
