"""Mail in the order in which it was received, however much there is: sorted by way of a file."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from features.envelope import Envelope, Incoming, LogPosition
from streams.wire import Arrival

__all__ = ["in_order"]


class _Kept(msgspec.Struct, array_like=True):
    """What judging needs of a record of the mail log."""

    envelope: Envelope
    raw: bytes
    in_log: bool
    position: LogPosition
    flags: tuple[str, ...]
    appended_ms: int
    requeued: bool


_DECODER = msgspec.msgpack.Decoder(_Kept)


def in_order(arrivals: Iterable[Arrival], folder: Path | None = None) -> Iterator[Arrival]:
    """Yield messages by time of receipt, then partition and offset.

    Meanwhile they lie in a nameless file of `folder` (the system's for temporary files by
    default), so that memory holds some 200 bytes of each. Keys and headers that only a reply
    needs don't come along. Raises OSError where the file can't be written.
    """
    places: list[tuple[datetime, int, int, int, int]] = []
    with closing(tempfile.TemporaryFile(prefix="weir-replay-", dir=folder)) as file:
        at = 0
        for each in arrivals:
            kept = msgspec.msgpack.encode(_kept(each))
            file.write(kept)
            received = each.incoming.envelope.received_at
            places.append((received, each.position.partition, each.position.offset, at, len(kept)))
            at += len(kept)
        places.sort()
        for *_, at, size in places:
            file.seek(at)
            yield _arrival(_DECODER.decode(file.read(size)))


def _kept(arrival: Arrival) -> _Kept:
    incoming = arrival.incoming
    return _Kept(
        incoming.envelope,
        incoming.raw,
        incoming.position is not None,
        arrival.position,
        incoming.flags,
        arrival.appended_ms,
        arrival.requeued,
    )


def _arrival(kept: _Kept) -> Arrival:
    position = kept.position if kept.in_log else None
    incoming = Incoming(kept.envelope, kept.raw, position, kept.flags)
    return Arrival(incoming, kept.position, kept.appended_ms, None, None, False, kept.requeued, [])
