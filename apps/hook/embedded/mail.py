"""The mail of a local log, judged once and in order: what is handed over, what others append.

The log is what counts. A message is appended before it is judged, and what lies between the last
one that was judged and the log's end is judged before anything new: after a crash, and where
another process (`weir send`, `weir deadletter requeue`) has appended.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.structs import RecordMetadata  # type: ignore[import-untyped]  # no types

from apps.hook.embedded.judged import Judged, find_judged
from apps.state.log_reading import by_time
from streams.local_log.delivery import LocalDelivery
from streams.local_log.log import Appended, Written
from streams.local_log.producer import LocalProducer
from streams.pipeline import Pipeline
from streams.reader import open_reader
from streams.sections import WorkerSection
from streams.settings import Settings
from streams.stores.protocol import Store
from streams.topics import name
from streams.wire import Arrival, Record, read_arrival

__all__ = ["Mail", "Waiting"]

_LOG_APPEND_TIME: Final = 1
_TOLD: Final = 1_000  # messages between two lines about catching up

log = structlog.get_logger(__name__)


class Waiting(NamedTuple):
    """A record for the mail log, and who is told where it lies."""

    record: Record
    place: "asyncio.Future[Any]"


class Mail:
    """Judges the log's messages from `done` on, the next offset by partition.

    `passed` is told each partition and the offset up to which all is judged and delivered.
    """

    def __init__(
        self,
        settings: Settings,
        epoch: str,
        done: Mapping[int, int],
        *,
        producer: LocalProducer,
        pipeline: Pipeline,
        delivery: LocalDelivery,
        store: Store,
        passed: Callable[[int, int], None] = lambda _partition, _offset: None,
    ) -> None:
        self.is_whole = True
        self._settings = settings
        self._section: WorkerSection = settings.worker
        self._topic = name(settings, "messages")
        self._epoch = epoch
        self._done = dict(done)
        self._producer = producer
        self._pipeline = pipeline
        self._delivery = delivery
        self._store = store
        self._passed = passed

    async def take(self, waiting: Sequence[Waiting]) -> None:
        """Append messages, all in one transaction, and judge them.

        Those that wait are told where their messages lie, or why they can't. Raises DeliveryError
        where verdicts can't be appended.
        """
        try:
            written = [await self._written(one.record) for one in waiting]
            places = await self._producer.append(written)
        except Exception as error:  # noqa: BLE001 - told to those who wait
            for one in waiting:
                if not one.place.done():
                    one.place.set_exception(error)
            return
        for one, place in zip(waiting, places, strict=True):
            if not one.place.done():
                one.place.set_result(self._metadata(place))
        firsts: dict[int, int] = {}
        for place in places:
            firsts.setdefault(place.partition, place.offset)
        if any(first > self._done[partition] for partition, first in firsts.items()):
            await self._judge_between(firsts, None)
        arrivals = [
            self._read(place.partition, place.offset, place.appended_ms, one)
            for place, one in zip(places, written, strict=True)
        ]
        await self._judge(arrivals)

    async def look(self) -> None:
        """Judge what other processes have appended; raises KafkaError, DeliveryError."""
        ends = await self._producer.ends(self._topic)
        if any(end > self._done[partition] for partition, end in ends.items()):
            await self._judge_between(ends, None)

    async def catch_up(self) -> None:
        """Judge what the log has and the state hasn't; raises TopicError, DeliveryError.

        What has its verdict in the log is only counted.
        """
        async with open_reader(self._settings) as reader:
            places = [TopicPartition(self._topic, number) for number in self._done]
            ends = await reader.end_offsets(places)
            firsts = await reader.beginning_offsets(places)
            times = []
            for place in places:
                start = max(self._done[place.partition], firsts[place])
                if start < ends[place]:
                    reader.assign([place])
                    reader.seek(place, start)
                    times.append((await reader.getone(place)).timestamp)
        if not times:
            return
        judged = await find_judged(self._settings, len(places), min(times))
        upto = {place.partition: end for place, end in ends.items()}
        count = sum(max(0, end - self._done[partition]) for partition, end in upto.items())
        log.info("mail_counted_again", messages=count, judged=len(judged))
        await self._judge_between(upto, judged)

    async def _judge_between(self, ends: Mapping[int, int], judged: Judged | None) -> None:
        """Judge what lies between `done` and these offsets, in order of time."""
        places = {TopicPartition(self._topic, number): end for number, end in ends.items()}
        passed = 0
        async with open_reader(self._settings) as reader, open_reader(self._settings) as verdicts:
            reader.assign(list(places))
            for place in places:
                reader.seek(place, self._done[place.partition])
            async for records in by_time(reader, places):
                arrivals = [
                    self._read(
                        one.partition,
                        one.offset,
                        one.timestamp,
                        Written(self._topic, one.partition, one.key, one.value, one.headers),
                    )
                    for one in records
                ]
                for known, batch in _runs(arrivals, judged, self._section):
                    if known and judged is not None:
                        positions = [arrival.position for arrival in batch]
                        await self._store.record(await judged.records(verdicts, positions))
                    await self._judge(batch, muted=known)
                    passed += len(batch)
                    if passed % _TOLD < len(batch):
                        log.info("mail_caught_up", messages=passed)
        for place in places:  # what retention has given up meanwhile is passed over
            number = place.partition
            self._done[number] = max(self._done[number], ends[number])

    async def _judge(self, arrivals: Sequence[Arrival], *, muted: bool = False) -> None:
        self.is_whole = False
        self._delivery.muted = muted
        await self._pipeline.process(arrivals)
        for arrival in arrivals:
            at = arrival.position
            self._done[at.partition] = at.offset + 1
        for partition in {arrival.position.partition for arrival in arrivals}:
            self._passed(partition, self._done[partition])
        self.is_whole = True

    async def _written(self, record: Record) -> Written:
        partition = record.partition
        if partition is None:
            partition = await self._producer.partition_of(record.topic, record.key)
        return Written(record.topic, partition, record.key, record.value, tuple(record.headers))

    def _read(self, partition: int, offset: int, appended_ms: int, record: Written) -> Arrival:
        return read_arrival(
            epoch=self._epoch,
            partition=partition,
            offset=offset,
            timestamp_ms=appended_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    def _metadata(self, place: Appended) -> RecordMetadata:
        return RecordMetadata(
            self._topic,
            place.partition,
            TopicPartition(self._topic, place.partition),
            place.offset,
            place.appended_ms,
            _LOG_APPEND_TIME,
            None,
        )


def _runs(
    arrivals: Iterable[Arrival], judged: Judged | None, section: WorkerSection
) -> Iterator[tuple[bool, list[Arrival]]]:
    """Yield batches in order, each of messages that all have verdicts, or all have none."""
    batch: list[Arrival] = []
    size, of = 0, False
    for arrival in arrivals:
        known = judged is not None and arrival.position in judged
        size += len(arrival.incoming.raw)
        full = len(batch) >= section.batch_messages or size > section.batch_bytes
        if batch and (full or known != of):
            yield of, batch
            batch, size = [], len(arrival.incoming.raw)
        of = known
        batch.append(arrival)
    if batch:
        yield of, batch
