"""Single records of the mail log and of verdicts, read by place outside of any consumer group."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import msgspec
from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    KafkaError,
    KafkaTimeoutError,
    OffsetOutOfRangeError,
)
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped]  # no types

from detectors.record import decode
from detectors.verdict import Verdict
from features.envelope import LogPosition
from streams.connection import client_options
from streams.settings import Settings
from streams.topics import TopicError, name, unreachable
from streams.wire import Arrival, read_arrival

__all__ = ["MailLog", "open_mail_log", "partition_of"]

_FETCH_BYTES: Final = 131_072  # a larger record comes all the same, alone
_WAIT_MS: Final = 10_000
_HELD_MS: Final = 2  # what is asked for is there: a fetch that finds nothing isn't held
_MOST: Final = 20_000  # verdicts that are looked through for one


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's own partitioner gives a key (murmur2)."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class MailLog:
    """Reads a record at a time; `epoch` is the mail log's, `partitions` how many it has.

    Every method raises TopicError where Kafka can't be reached.
    """

    def __init__(self, settings: Settings, consumer: Any, epoch: str, partitions: int) -> None:
        self._settings = settings
        self._consumer = consumer
        self._messages = name(settings, "messages")
        self._verdicts = name(settings, "verdicts")
        self._epoch = epoch
        self._partitions = partitions

    async def message(self, place: LogPosition) -> Arrival | None:
        """Return the message at a place, None where it is gone or the log is another one."""
        if place.epoch != self._epoch or not 0 <= place.partition < self._partitions:
            return None
        tp = TopicPartition(self._messages, place.partition)
        async with aclosing(self._records(tp, place.offset)) as records:
            record = await anext(records, None)
        if record is None or record.offset != place.offset:
            return None
        return read_arrival(
            epoch=self._epoch,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )

    async def verdict(
        self, message: str, since_ms: int, place: LogPosition | None = None
    ) -> Verdict | None:
        """Return the first verdict on a message, of those taken since a time (epoch ms).

        With `place` that on the message at this place. At most 20,000 verdicts are looked through.
        """
        tp = TopicPartition(self._verdicts, partition_of(message, self._partitions))
        key, looked = message.encode(), 0
        try:
            (found,) = (await self._consumer.offsets_for_times({tp: max(0, since_ms)})).values()
        except KafkaError as error:
            raise TopicError(unreachable(self._settings, error)) from None
        if found is None:
            return None
        async with aclosing(self._records(tp, found.offset)) as records:
            async for record in records:
                looked += 1
                verdict = _verdict(record.value) if record.key == key else None
                if verdict is not None and place in (None, _place(verdict)):
                    return verdict
                if looked >= _MOST:
                    break
        return None

    async def _records(
        self, tp: TopicPartition, offset: int
    ) -> AsyncGenerator[ConsumerRecord, None]:
        """Yield the records of a partition from an offset to its end as it is now."""
        consumer = self._consumer
        try:
            (end,) = (await consumer.end_offsets([tp])).values()
            consumer.seek(tp, offset)
            consumer.resume(tp)
            while offset < end:
                records = (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).get(tp, ())
                for record in records:
                    yield record
                before, offset = offset, await consumer.position(tp)
                if offset == before:  # nothing came of what is there: that isn't that it is gone
                    raise TopicError(unreachable(self._settings, KafkaTimeoutError()))
        except OffsetOutOfRangeError:
            return
        except KafkaError as error:
            raise TopicError(unreachable(self._settings, error)) from None
        finally:
            consumer.pause(tp)  # else it fetches on, and the next reading waits for that


@asynccontextmanager
async def open_mail_log(settings: Settings, epoch: str, partitions: int) -> AsyncIterator[MailLog]:
    """Open a reader of single records; raises TopicError where the brokers can't be reached."""
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
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


def _verdict(value: bytes | None) -> Verdict | None:
    try:
        return decode(value or b"")
    except (msgspec.MsgspecError, ValueError):
        return None


def _place(verdict: Verdict) -> LogPosition | None:
    log = verdict.log
    return None if log is None else LogPosition(log.epoch, log.partition, log.offset)
