"""An archive's verdicts in the order of receipt, and what it keeps of models and policies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from apps.cli.progress import bar
from apps.replay.model_history import ModelHistory
from apps.replay.reading import Mark, Stretch
from apps.replay.sources import ArchiveSource
from apps.replay.verifying import BATCH
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.verdict_rows import filed_at
from apps.subscriber.recorded import ModelLogRecord, Recorded, Unread

__all__ = ["ArchiveReading"]


class _Place(msgspec.Struct):
    """Up to which time of receipt all is done; `events` are those of that very time."""

    at: datetime
    events: list[str]
    done: int


class ArchiveReading:
    """An archive that is open for a replay; raises ArchiveError where there is none."""

    def __init__(self, source: ArchiveSource, *, mail: bool) -> None:
        self._unread: list[Unread] = []
        self._source = source
        self._mail = mail
        self.kept = Archive.open(source.url, self._unread.append)
        files = self.kept.files("verdicts", since=source.since, until=source.until)
        self.total = sum(file.rows for file in files)

    async def stretches(self, start: Mark) -> AsyncIterator[Stretch]:
        """Yield verdicts from a mark on; of the mark's own moment those that aren't done."""
        place = msgspec.convert(start, _Place) if start else None
        done, events = (place.done, set(place.events)) if place else (0, set())
        found = self.kept.recorded(
            since=place.at if place else self._source.since,
            until=self._source.until,
            mail=self._mail,
        )
        while taken := await asyncio.to_thread(lambda: list(islice(found, BATCH))):
            new = [each for each in taken if each.event not in events]
            done += len(new)
            place = _behind(taken, place, done)
            yield Stretch(new, self._told(), msgspec.to_builtins(place), done)
        if unread := self._told():
            yield Stretch((), unread, msgspec.to_builtins(place) if place else {}, done)

    async def history(self, folder: Path) -> ModelHistory:
        """Write the archived records of mail.models into a folder."""
        total = sum(file.rows for file in self.kept.files("models"))
        with bar("reading learning steps", total, "records") as advance:

            def counted() -> Iterator[ModelLogRecord]:
                """Yield each, and show how far it is."""
                for record in self.kept.models():
                    yield record
                    advance(1)

            return await asyncio.to_thread(ModelHistory.write, folder, counted())

    def _told(self) -> list[Unread]:
        told = list(self._unread)
        self._unread.clear()
        return told


def _behind(taken: list[Recorded], before: _Place | None, done: int) -> _Place:
    """Return the place behind verdicts that are in the order of receipt."""
    at = filed_at(taken[-1].value, taken[-1].appended_ms)
    events = []
    for each in reversed(taken):
        if filed_at(each.value, each.appended_ms) != at:
            break
        events.append(each.event)
    else:
        if before is not None and before.at == at:
            events += before.events
    return _Place(at, events, done)
