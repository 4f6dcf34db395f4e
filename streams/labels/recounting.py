"""Labels counted again from their topic, where Redis has lost what was counted.

What is counted and up to which label is kept in one act: a Redis that went back to an older state,
or lost all, says by `applied` itself what it lacks. Those labels are found and counted anew, in
their order, before any other is; nothing is learned by it. Labels of messages that are no longer
in the mail log are lost with Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from redis.exceptions import RedisError

from detectors.judging import Prepared
from features.envelope import Incoming
from models.label import Label
from streams.label_records import read_record
from streams.labels.counting import Counting, LabelsLostError, Task
from streams.labels.ledger import Outcome
from streams.labels.message import Found, Taken, Unfound, record_of, waits_since
from streams.reader import open_reader
from streams.settings import Settings
from streams.stores.protocol import StoreError
from streams.topics import TopicError, name

__all__ = ["Recounting"]

_BATCH: Final = 64
_AWAY: Final = 0.5  # seconds between tries where Kafka or Redis is away
_WAIT_MS: Final = 500

log = structlog.get_logger(__name__)


class Finder(Protocol):
    """Finds the messages of labels (streams.labels.finding)."""

    async def find(self, batch: Sequence[Taken]) -> list[Found | Unfound]:
        """Return the message of each label, in order, or why it has none."""
        ...


class Recounting:
    """Counts batches as `counting` does, and before them whatever Redis has lost.

    `prepare` returns what each message shows by itself, in order; `partitions` is the mail log's.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        counting: Counting,
        finder: Finder,
        prepare: Callable[[Sequence[Incoming]], Awaitable[Sequence[Prepared]]],
    ) -> None:
        self._settings = settings
        self._partitions = partitions
        self._counting = counting
        self._finder = finder
        self._prepare = prepare

    async def apply(self, batch: Sequence[Task]) -> list[Outcome]:
        """Count a batch in order, and return what came of each label (Counting.apply)."""
        while True:
            try:
                return await self._counting.apply(batch)
            except LabelsLostError as error:
                log.error("labels_lost", reason=str(error))  # noqa: TRY400 - Redis's loss, no defect
                await self.wait_for(batch[0].taken.offset - 1)

    async def look(self, until: int) -> None:
        """Count what Redis has lost since labels were last counted; raises as `catch_up`."""
        if await self._counting.is_behind():
            await self.catch_up(until)

    async def wait_for(self, until: int) -> None:
        """Return when all labels up to an offset are counted: waits for Kafka and Redis."""
        while True:
            try:
                await self.catch_up(until)
            except (TopicError, StoreError, RedisError, OSError, LabelsLostError) as error:
                log.warning("labels_wait", error=str(error))
                await asyncio.sleep(_AWAY)
            else:
                return

    async def catch_up(self, until: int) -> int:
        """Count what isn't counted of the labels up to an offset; return how many that were.

        Raises TopicError, StoreError, RedisError or OSError where Kafka or Redis can't be reached,
        LabelsLostError where more is lost meanwhile.
        """
        applied = await self._counting.applied()
        if applied >= until:
            return 0
        try:
            count = await self._recount(applied, until)
        except BaseException:
            self._counting.expects(until)  # else the next batch would be counted behind the gap
            raise
        if count:
            log.warning("labels_recounted", behind=applied, until=until, labels=count)
        return count

    async def _recount(self, applied: int, until: int) -> int:
        count = 0
        async with open_reader(self._settings) as reader:
            place = TopicPartition(name(self._settings, "labels"), 0)
            start = await self._start(reader, place, applied + 1)
            reader.assign([place])
            reader.seek(place, start)
            end = min(until + 1, (await reader.end_offsets([place]))[place])
            while await reader.position(place) < end:
                found = await reader.getmany(place, timeout_ms=_WAIT_MS, max_records=_BATCH)
                taken = [
                    label
                    for record in found.get(place, ())
                    if record.offset < end and (label := _taken(record)) is not None
                ]
                count += await self._count(taken)
        return count

    async def _start(self, reader: Any, labels: TopicPartition, offset: int) -> int:
        """Return where to begin: no label is older than the oldest message that is still there."""
        begins = await reader.beginning_offsets([labels])
        topic = name(self._settings, "messages")
        places = [TopicPartition(topic, number) for number in range(self._partitions)]
        first, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
        held = [place for place in places if first[place] < ends[place]]
        times = []
        for place in held:
            reader.assign([place])
            reader.seek(place, first[place])
            times.append((await reader.getone(place)).timestamp)
        oldest = await reader.offsets_for_times({labels: min(times)}) if times else {}
        known = oldest.get(labels)
        return max(offset, int(begins[labels]), known.offset if known else 0)

    async def _count(self, taken: Sequence[Taken]) -> int:
        if not taken:
            return 0
        found = await self._finder.find(taken)
        messages = {
            it.id: it.incoming for it in found if isinstance(it, Found) and it.incoming is not None
        }
        shown = dict(zip(messages, await self._prepare(list(messages.values())), strict=True))
        tasks = []
        for each, message in zip(taken, found, strict=True):
            if isinstance(message, Unfound):
                continue
            record, one = message.record, shown.get(message.id)
            if record is None and one is not None and one.evidence is not None:
                record = record_of(message, one.evidence, each.at)
            if record is not None:
                tasks.append(Task(each, record))
        await self._counting.apply(tasks)
        return len(tasks)


def _taken(record: Any) -> Taken | None:
    at = record.timestamp / 1000
    read = read_record(record.value, record.headers, datetime.fromtimestamp(at, UTC))
    if not isinstance(read, Label):
        return None
    return Taken(read, record.offset, at, waits_since(record.headers, at))
