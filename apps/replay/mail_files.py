"""Mail that was never in a log, as arrivals: files, mbox, Maildir, folders, an index."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from apps.evaluation.index import Entry
from apps.evaluation.stream import read_stream
from apps.received import content_id, envelope_of
from apps.replay.in_order import Received
from apps.sources import Unreadable, read_mail
from features.context import Limits
from features.envelope import Incoming, LogPosition
from streams.wire import Arrival

__all__ = ["LabelledFile", "mail_of_files", "mail_of_index"]

_UNDATED: Final = datetime(2000, 1, 1, tzinfo=UTC)  # until a message tells its time
_NO_LOG: Final = "files"  # epoch of places that are none


class LabelledFile(NamedTuple):
    """A message of an index, and its entry there."""

    received: Received
    entry: Entry


def mail_of_files(
    paths: Iterable[str], limits: Limits, unreadable: Callable[[Unreadable], None]
) -> Iterator[Received]:
    """Yield the mail below paths as they are read, in the order of apps.sources.read_mail.

    Envelope and time are what the trace fields tell; mail that tells no time has that of the one
    before it: no clock is read, so that the next run says the same. `unreadable` is told of what
    is no mail.
    """
    last, count = _UNDATED, 0
    for item in read_mail(paths, limits.message_bytes):
        if isinstance(item, Unreadable):
            unreadable(item)
            continue
        envelope = envelope_of(item, content_id(item.raw), last, limits)
        last = envelope.received_at
        yield _received(Incoming(envelope, item.raw), count)
        count += 1


def mail_of_index(
    entries: Iterable[Entry], limits: Limits, now: datetime
) -> Iterator[LabelledFile]:
    """Yield an index's mail in its order, whose times never go back (apps.evaluation.stream).

    A time after `now` is passed over. Raises OSError where a file can't be read.
    """
    for place, item in enumerate(read_stream(entries, limits, now)):
        yield LabelledFile(_received(item.incoming, place), item.entry)


def _received(incoming: Incoming, place: int) -> Received:
    """Return mail as if it had come through a log of one partition; its verdict names none."""
    appended_ms = int(incoming.envelope.received_at.timestamp() * 1000)
    position = LogPosition(_NO_LOG, 0, place)
    return Received(Arrival(incoming, position, appended_ms, None, None, False, False, []))
