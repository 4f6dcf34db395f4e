"""The SpamAssassin corpus as a stream: in order of date, without what gives a label away."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from apps.evaluation.index import Entry
from apps.evaluation.stream import Clock, Item, incoming_of
from apps.training.corpora import strip_artefacts
from features.context import Limits
from features.envelope import Client
from features.trace import envelope_of_file

__all__ = ["DatedStream", "read_dated_stream"]

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOW = datetime(2004, 1, 1, tzinfo=UTC)  # the corpus ends in 2003: later dates are forged
_RECEIVED = re.compile(rb"(?im)^received[ \t]*:.*(?:\r?\n[ \t].*)*(?:\r?\n)?")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class DatedStream(NamedTuple):
    """The stream, and how many messages were left out because they tell no date."""

    items: list[Item]
    undated: int

    @property
    def spam(self) -> int:
        """How many are spam."""
        return sum(item.entry.spam for item in self.items)

    def without_received(self) -> "DatedStream":
        """Return the same stream, at the same times, without Received fields.

        In this corpus ham and spam came to different servers, whose names stand there.
        """
        return DatedStream([_bare(item) for item in self.items], self.undated)


def read_dated_stream(corpora: Path, limits: Limits) -> DatedStream:
    """Read `sa/` in the order of the topmost Received's date; then by name.

    Mail of the corpus without such a date (most of it ham that a program fetched) is left out:
    put first or last it would be told by its place. Raises FileNotFoundError where there is none.
    """
    dated = sorted(_dated(corpora, limits), key=lambda found: (found[0], found[1]))
    if not dated:
        raise FileNotFoundError(2, "holds no sa/", str(corpora))
    clock = Clock(_NOW)
    items = [
        Item(Entry(name, file, spam, taught=True), incoming_of(raw, name, clock, limits))
        for at, name, file, spam, raw in dated
        if at != _NEVER
    ]
    return DatedStream(items, len(dated) - len(items))


def _dated(corpora: Path, limits: Limits) -> Iterator[tuple[datetime, str, Path, bool, bytes]]:
    for file in (corpora / "sa").glob("*/*"):
        if file.is_file():
            raw = strip_artefacts(file.read_bytes())
            at = envelope_of_file(raw, "dated", _NEVER, limits).received_at
            at = at if at < _NOW else _NEVER
            yield at, f"{file.parent.name}/{file.name}", file, "ham" not in file.parent.name, raw


def _bare(item: Item) -> Item:
    raw, envelope = item.incoming.raw, item.incoming.envelope
    end = _BLANK_LINE.search(raw)
    place = end.start() if end else len(raw)
    header = _RECEIVED.sub(b"", raw[:place] + b"\n").rstrip(b"\n")
    incoming = item.incoming._replace(
        raw=header + raw[place:], envelope=replace(envelope, client=Client())
    )
    return item._replace(incoming=incoming)
