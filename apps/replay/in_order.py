"""Mail in the order in which it was received, however much there is: sorted by way of a file."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from features.envelope import Envelope, Incoming, LogPosition
from streams.wire import Arrival

__all__ = ["Received", "Spool", "in_order"]


class Received(NamedTuple):
    """A message to judge, with the verdict on it that was recorded, where one was.

    `event` is the verdict's ce_id, `value` its bytes; both are empty where there is none.
    """

    arrival: Arrival
    event: str = ""
    value: bytes = b""


class _Kept(msgspec.Struct, array_like=True):
    """What judging needs of a record of the mail log, and the verdict."""

    envelope: Envelope
    raw: bytes
    in_log: bool
    position: LogPosition
    flags: tuple[str, ...]
    appended_ms: int
    requeued: bool
    event: str
    value: bytes


_DECODER = msgspec.msgpack.Decoder(_Kept)


class Spool:
    """Mail that is put down in any order and taken up in that of receipt.

    It lies in a nameless file of `folder` (the system's for temporary files by default), so that
    memory holds some 200 bytes of each message. Keys and headers that only a reply needs don't
    come along. Raises OSError where the file can't be written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(prefix="weir-replay-", dir=folder)  # noqa: SIM115 - closed with the spool
        self._places: list[tuple[datetime, int, int, str, int, int]] = []
        self._end = 0

    def __enter__(self) -> Self:
        """Return the spool, which is gone with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file."""
        self._file.close()

    def __len__(self) -> int:
        """Return how many messages were put down."""
        return len(self._places)

    def add(self, received: Received) -> tuple[int, int]:
        """Put a message down, and return where it lies (see `take`)."""
        arrival = received.arrival
        content = msgspec.msgpack.encode(_kept(received))
        self._file.seek(self._end)
        self._file.write(content)
        epoch, partition, offset = arrival.position
        at = arrival.incoming.envelope.received_at
        self._places.append((at, partition, offset, epoch, self._end, len(content)))
        lies = self._end, len(content)
        self._end += len(content)
        return lies

    def take(self, lies: tuple[int, int]) -> Received:
        """Return the message that lies there."""
        at, size = lies
        self._file.seek(at)
        return _received(_DECODER.decode(self._file.read(size)))

    def in_order(self) -> Iterator[Received]:
        """Yield messages by time of receipt, partition and offset; of one place only the first."""
        self._places.sort()
        before: tuple[object, ...] = ()
        for *place, at, size in self._places:
            if tuple(place) == before:
                continue
            before = tuple(place)
            yield self.take((at, size))


def in_order(received: Iterable[Received]) -> Iterator[Received]:
    """Yield messages in the order of receipt, by way of a spool of their own."""
    with Spool() as spool:
        for each in received:
            spool.add(each)
        yield from spool.in_order()


def _kept(received: Received) -> _Kept:
    arrival, incoming = received.arrival, received.arrival.incoming
    return _Kept(
        incoming.envelope,
        incoming.raw,
        incoming.position is not None,
        arrival.position,
        incoming.flags,
        arrival.appended_ms,
        arrival.requeued,
        received.event,
        received.value,
    )


def _received(kept: _Kept) -> Received:
    position = kept.position if kept.in_log else None
    incoming = Incoming(kept.envelope, kept.raw, position, kept.flags)
    arrival = Arrival(
        incoming, kept.position, kept.appended_ms, None, None, False, kept.requeued, []
    )
    return Received(arrival, kept.event, kept.value)
