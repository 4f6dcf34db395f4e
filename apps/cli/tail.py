"""Read a topic as `tail` reads a file: its last records, all of them, and those yet to come."""

from collections.abc import AsyncIterator

from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types

from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import check

__all__ = ["tail"]

_WAIT_MS = 500


async def tail(
    settings: Settings, topic: str, *, last: int | None, follow: bool
) -> AsyncIterator[ConsumerRecord]:
    """Yield a topic's records: the `last` ones (None: all), then, if asked, what comes.

    Records that were there come by log-append time if only the last are wanted, else by
    partition as fetched. Reads outside of any consumer group and commits nothing. Raises
    TopicError where the brokers or the topic can't be read.
    """
    count = (await check(settings))[topic]
    partitions = [TopicPartition(topic, number) for number in range(count)]
    async with open_reader(settings) as consumer:
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            start = first[partition] if last is None else ends[partition] - last
            consumer.seek(partition, max(first[partition], start))
        held: list[ConsumerRecord] = []
        waiting = {p for p in partitions if await consumer.position(p) < ends[p]}
        while waiting:
            for partition, records in (await consumer.getmany(timeout_ms=_WAIT_MS)).items():
                for record in records:
                    if last is None or record.offset >= ends[partition]:
                        yield record
                    else:
                        held.append(record)
            waiting = {p for p in waiting if await consumer.position(p) < ends[p]}
        held.sort(key=lambda record: record.timestamp)
        for record in held[-last:] if last else ():
            yield record
        while follow:
            for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                for record in records:
                    yield record
