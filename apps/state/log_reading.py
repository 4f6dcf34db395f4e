"""Reading topics up to given ends, in the order in which the log took their records."""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import (  # type: ignore[import-untyped]  # no types
    ConsumerRecord,
    TopicPartition,
)

__all__ = ["by_time", "first_time"]

_WAIT_MS = 500


async def by_time(
    consumer: Any, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield records below the given ends by their time; what is read beyond is read again.

    Partitions are merged: whether a message is a first contact depends on one that came before it
    in another partition. Held is at most what was fetched of each.
    """
    held: dict[TopicPartition, deque[ConsumerRecord]] = {
        tp: deque() for tp, end in ends.items() if await consumer.position(tp) < end
    }
    consumer.pause(*(set(consumer.assignment()) - held.keys()))
    while held:
        for tp in [tp for tp, records in held.items() if not records]:
            if await consumer.position(tp) >= ends[tp]:  # nothing is waited for there
                del held[tp]
                consumer.pause(tp)
        empty = [tp for tp, records in held.items() if not records]
        fetched = await consumer.getmany(*empty, timeout_ms=_WAIT_MS) if empty else {}
        for tp, records in fetched.items():
            inside = [record for record in records if record.offset < ends[tp]]
            held[tp].extend(inside)
            if len(inside) < len(records):
                consumer.seek(tp, ends[tp])
        ready = []
        while held and all(held.values()):
            first = min(held.values(), key=lambda records: records[0].timestamp)
            ready.append(first.popleft())
        if ready:
            yield ready
    consumer.resume(*consumer.assignment())


async def first_time(consumer: Any, place: TopicPartition) -> int | None:
    """Return when the first record of a partition was taken (ms); None if there is none.

    The consumer stands at the partition's beginning then.
    """
    (begin,) = (await consumer.beginning_offsets([place])).values()
    (end,) = (await consumer.end_offsets([place])).values()
    found = None
    if begin < end:
        found = (await consumer.getone(place)).timestamp
    await consumer.seek_to_beginning(place)
    return found
