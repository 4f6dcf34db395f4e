"""Several partitions of a topic read at once, each from an offset of its own, outside of any group.

Labels come in batches: asking the broker for each label's message by itself costs more than all
that is learned from it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    KafkaTimeoutError,
    OffsetOutOfRangeError,
)

__all__ = ["Take", "scan"]

_WAIT_MS: Final = 10_000

Take = Callable[[TopicPartition, ConsumerRecord], int | None]
"""What is done with a record; returns from which offset to read on, None to leave its partition."""


async def scan(consumer: Any, starts: Mapping[TopicPartition, int], take: Take) -> None:
    """Hand records from these offsets to `take`, up to the partitions' ends as they are now.

    `consumer` must have all of them assigned and paused; they are again when this returns. An
    offset that its log doesn't hold any more ends its partition. Raises KafkaError where nothing
    comes of what is there.
    """
    if not starts:
        return
    ends = await consumer.end_offsets(list(starts))
    left = {place: start for place, start in starts.items() if start < ends[place]}
    try:
        for place, start in left.items():
            consumer.seek(place, start)
        consumer.resume(*left)
        while left:
            await _fetch(consumer, left, ends, take)
    finally:
        if left:
            consumer.pause(*left)


async def _fetch(
    consumer: Any,
    left: dict[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    take: Take,
) -> None:
    """Take what the next fetch brings; partitions that are done with leave `left`."""
    try:
        found = await consumer.getmany(*left, timeout_ms=_WAIT_MS)
    except OffsetOutOfRangeError as error:
        for place in error.args[0]:
            _leave(consumer, left, place)
        return
    moved = False
    for place in list(left):
        goes_on = _taken(found.get(place, ()), partial(take, place))
        if goes_on is None:
            goes_on = await consumer.position(place)
        elif goes_on >= 0:
            consumer.seek(place, goes_on)
        moved = moved or goes_on != left[place]
        if goes_on < 0 or goes_on >= ends[place]:
            _leave(consumer, left, place)
        else:
            left[place] = goes_on
    if not moved:  # nothing came of what is there: that isn't that it is gone
        raise KafkaTimeoutError


def _taken(
    records: Sequence[ConsumerRecord], take: Callable[[ConsumerRecord], int | None]
) -> int | None:
    """Hand records over, passing over those before an offset that was asked for.

    Returns an offset beyond them to read on from, -1 to leave, None to go on behind them.
    """
    following = -1
    for record in records:
        if record.offset < following:
            continue
        wanted = take(record)
        if wanted is None:
            return -1
        following = wanted
    return following if records and following > records[-1].offset + 1 else None


def _leave(consumer: Any, left: dict[TopicPartition, int], place: TopicPartition) -> None:
    del left[place]
    consumer.pause(place)  # else it fetches on, and the next reading waits for that
