"""`mail.models` read in order, from wherever one likes, outside of any consumer group."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from models.snapshot import LabelPosition
from streams.model_records import ModelRecord, read_model_record
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import name

__all__ = ["Entry", "ModelLog", "open_model_log"]

_FETCH_MS = 100
_MOST = 500


class Entry(NamedTuple):
    """A record with its offset; None with the reason where it can't be read."""

    offset: int
    record: ModelRecord | None
    reason: str = ""


class ModelLog:
    """The one partition of the models' topic. All methods raise KafkaError without brokers."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer = consumer
        self._place = TopicPartition(topic, 0)
        consumer.assign([self._place])

    async def seek(self, offset: int) -> None:
        """Go to an offset, or to the first one that is still there."""
        first = (await self._consumer.beginning_offsets([self._place]))[self._place]
        self._consumer.seek(self._place, max(offset, first))

    async def end(self) -> int:
        """Return the offset behind the last record."""
        ends = await self._consumer.end_offsets([self._place])
        return int(ends[self._place])

    async def start_of(self, snapshot_log: LabelPosition | None, epoch: str) -> int:
        """Return from where all that a snapshot lacks is found: 0 if its place isn't known."""
        if snapshot_log is None or snapshot_log.epoch != epoch:
            return 0
        return min(snapshot_log.offset, await self.end())

    async def until(self, end: int) -> AsyncIterator[Entry]:
        """Yield what lies before `end`, from where reading stands, waiting for what is missing."""
        while await self._consumer.position(self._place) < end:
            for entry in await self.arrived(end):
                yield entry

    async def arrived(self, end: int | None = None) -> list[Entry]:
        """Return what has come; with an `end` what lies before it, after a tenth of a second."""
        wait_ms = 0 if end is None else _FETCH_MS
        found = await self._consumer.getmany(self._place, timeout_ms=wait_ms, max_records=_MOST)
        records = found.get(self._place, ())
        if end is not None and records and records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
            self._consumer.seek(self._place, end)
        return [_entry(record) for record in records]


@asynccontextmanager
async def open_model_log(settings: Settings) -> AsyncIterator[ModelLog]:
    """Open a reader of the models' topic; raises TopicError where brokers can't be reached."""
    async with open_reader(settings) as consumer:
        yield ModelLog(consumer, name(settings, "models"))


def _entry(record: Any) -> Entry:
    try:
        return Entry(record.offset, read_model_record(record.headers, record.value))
    except ValueError as error:
        return Entry(record.offset, None, str(error))
