"""Records of the mail log and of verdicts, read by place outside of any consumer group."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped]  # no types

from detectors.verdict import Verdict
from features.envelope import LogPosition
from streams.labels.log_scan import Take, scan
from streams.labels.verdict_scan import VerdictScan, Wanted
from streams.reader import new_consumer
from streams.settings import Settings
from streams.topics import TopicError, name, unreachable
from streams.wire import Arrival, read_arrival

__all__ = ["MailLog", "open_mail_log", "partition_of"]

_FETCH_BYTES: Final = 131_072  # a larger record comes all the same, alone
_HELD_MS: Final = 2  # what is asked for is there: a fetch that finds nothing isn't held


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's own partitioner gives a key (murmur2)."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class MailLog:
    """Reads records by place; `epoch` is the mail log's, `partitions` how many it has.

    Every method raises TopicError where Kafka can't be reached.
    """

    def __init__(self, settings: Settings, consumer: Any, epoch: str, partitions: int) -> None:
        self._settings = settings
        self._consumer = consumer
        self._messages = name(settings, "messages")
        self._verdicts = name(settings, "verdicts")
        self._epoch = epoch
        self._partitions = partitions

    async def messages(self, places: Sequence[LogPosition]) -> dict[LogPosition, Arrival]:
        """Return the messages at these places, without those that are gone or of another log."""
        offsets: dict[TopicPartition, deque[int]] = {}
        for place in sorted(set(places)):
            if place.epoch == self._epoch and 0 <= place.partition < self._partitions:
                tp = TopicPartition(self._messages, place.partition)
                offsets.setdefault(tp, deque()).append(place.offset)
        found: dict[LogPosition, Arrival] = {}

        def take(tp: TopicPartition, record: ConsumerRecord) -> int | None:
            """Keep it if it is wanted, and go to the next that is."""
            wanted = offsets[tp]
            while wanted and wanted[0] < record.offset:
                wanted.popleft()
            if wanted and wanted[0] == record.offset:
                arrival = self._arrival(record)
                found[arrival.position] = arrival
                wanted.popleft()
            return wanted[0] if wanted else None

        # A log that begins behind an offset says so for its whole partition: those are asked again.
        while offsets:
            firsts = {tp: wanted[0] for tp, wanted in offsets.items()}
            await self._scan(firsts, take)
            for tp in list(offsets):
                if offsets[tp] and offsets[tp][0] == firsts[tp]:
                    offsets[tp].popleft()
                if not offsets[tp]:
                    del offsets[tp]
        return found

    async def verdicts(self, wanted: Sequence[Wanted]) -> dict[Wanted, Verdict]:
        """Return the verdicts that are wanted, as far as they are there.

        At most 20,000 verdicts are looked through for each.
        """
        by_place: dict[TopicPartition, list[Wanted]] = {}
        for each in wanted:
            tp = TopicPartition(self._verdicts, partition_of(each.message, self._partitions))
            by_place.setdefault(tp, []).append(each)
        scans = {tp: VerdictScan(own) for tp, own in by_place.items()}
        while times := {tp: own.since_ms for tp, own in scans.items() if own.since_ms is not None}:
            starts = await self._begins(times)
            for tp in times:
                scans[tp].starts()
            await self._scan(starts, lambda tp, record: scans[tp].take(record))
            for tp in times:
                scans[tp].ends()
        return {each: verdict for own in scans.values() for each, verdict in own.found.items()}

    async def _begins(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return where a time (epoch ms) begins, without the partitions that end before it."""
        try:
            found = await self._consumer.offsets_for_times(times)
        except KafkaError as error:
            raise TopicError(unreachable(self._settings, error)) from None
        return {tp: start.offset for tp, start in found.items() if start is not None}

    def _arrival(self, record: ConsumerRecord) -> Arrival:
        return read_arrival(
            epoch=self._epoch,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    async def _scan(self, starts: Mapping[TopicPartition, int], take: Take) -> None:
        try:
            await scan(self._consumer, starts, take)
        except KafkaError as error:
            raise TopicError(unreachable(self._settings, error)) from None


@asynccontextmanager
async def open_mail_log(settings: Settings, epoch: str, partitions: int) -> AsyncIterator[MailLog]:
    """Open a reader of single records; raises TopicError where the brokers can't be reached."""
    consumer = new_consumer(
        settings,
        strict=True,
        fetch_max_wait_ms=_HELD_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    # Once and for all: a fetch that is under way when an assignment ends breaks aiokafka's fetcher.
    places = [
        TopicPartition(name(settings, role), number)
        for role in ("messages", "verdicts")
        for number in range(partitions)
    ]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, 0)
    consumer.pause(*places)
    try:
        yield MailLog(settings, consumer, epoch, partitions)
    finally:
        await consumer.stop()
