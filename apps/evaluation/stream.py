"""Labelled files as incoming mail, in the index's order, with times that never go back."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from apps.evaluation.index import Entry
from apps.mbox import looks_like_mbox
from apps.received import content_id, envelope_of
from apps.sources import Mail
from features.context import Limits
from features.envelope import Incoming

__all__ = ["Clock", "Item", "incoming_of", "read_stream"]

_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)  # until a message tells its time
_LEAP = timedelta(days=365)


class Item(NamedTuple):
    """A message of the stream with its entry in the index."""

    entry: Entry
    incoming: Incoming


class Clock:
    """The stream's time: each message's own, but never before that of an earlier one.

    A time after `now` is a lie, and would hold all later messages there: it is passed over, as
    is a missing one. So is one that is over a year ahead, until the next message says about the
    same: then the stream has a gap.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._last: datetime | None = None
        self._ahead: datetime | None = None

    @property
    def fallback(self) -> datetime:
        """The time of a message that tells none."""
        return self._last or _UNDATED

    def next(self, told: datetime) -> datetime:
        """Return the time of the next message, which tells `told`."""
        if told <= self._now and told != _UNDATED:
            doubted, self._ahead = self._ahead, None
            if self._last is None or told - self._last <= _LEAP:
                self._last = max(told, self._last or told)
            elif doubted is not None and abs(told - doubted) <= _LEAP:
                self._last = told
            else:
                self._ahead = told
        return self.fallback


def read_stream(entries: Iterable[Entry], limits: Limits, now: datetime) -> Iterator[Item]:
    """Read each entry's file as one message; raises OSError where one can't be read.

    What exceeds the size limit is cut and digested. A leading mbox separator is left out.
    """
    clock = Clock(now)
    for entry in entries:
        yield Item(entry, incoming_of(entry.file.read_bytes(), entry.path, clock, limits))


def incoming_of(whole: bytes, name: str, clock: Clock, limits: Limits) -> Incoming:
    """Return a file's bytes as the message that came next.

    The envelope is what the trace fields tell: Return-Path, Delivered-To, topmost Received.
    """
    first, separator, rest = whole.partition(b"\n")
    if looks_like_mbox(first + separator):
        whole = rest
    cut = len(whole) > limits.message_bytes
    digest = hashlib.sha256(whole).hexdigest() if cut else ""
    mail = Mail(name, whole[: limits.message_bytes], len(whole), digest)
    told = envelope_of(mail, content_id(mail.raw), clock.fallback, limits)
    return Incoming(replace(told, received_at=clock.next(told.received_at)), mail.raw)
