"""Dead letters read from their topic, and put back to where they came from."""

from datetime import UTC, datetime
from typing import NamedTuple

from apps.subscriber.received import Received
from streams.settings import Settings
from streams.topics import name
from streams.wire import Record

__all__ = ["DeadLetter", "read_letter", "requeued"]

_OWN = frozenset({"weir-error", "weir-topic", "weir-partition", "weir-offset"})
_MARK = "weir-requeued"


class DeadLetter(NamedTuple):
    """A record that broke the pipeline: where it lay, what broke, and its original content.

    `offset` is its place in the dead-letter topic, `origin` the log position it had. `headers`
    are the original ones.
    """

    offset: int
    at: datetime
    origin: str
    error: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def read_letter(record: Received) -> DeadLetter:
    """Read a record of the dead-letter topic; headers that are missing are empty."""
    found = dict(record.headers)

    def text(header: str) -> str:
        return found.get(header, b"").decode("utf-8", "backslashreplace")

    return DeadLetter(
        record.offset,
        datetime.fromtimestamp(record.appended_ms / 1000, UTC),
        f"{text('weir-topic')}:{text('weir-partition')}:{text('weir-offset')}",
        text("weir-error"),
        record.key,
        record.value,
        tuple((key, value) for key, value in record.headers if key not in _OWN),
    )


def requeued(letter: DeadLetter, settings: Settings) -> Record:
    """Return the letter as a record for where it came from: the topic of labels, or the mail log.

    It is marked, so that a message's verdict is a revision.
    """
    headers = [(key, value) for key, value in letter.headers if key != _MARK]
    labels = name(settings, "labels")
    is_label = letter.origin.rsplit(":", 2)[0] == labels
    return Record(
        labels if is_label else name(settings, "messages"),
        letter.key,
        letter.value,
        [*headers, (_MARK, letter.origin.encode())],
    )
