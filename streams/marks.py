"""Whether the mail log is the one that the state has counted.

Offsets of a topic that was made anew start over: what lies at or below a mark would count for
nothing, and records of other messages would be found in its places.
"""

from collections.abc import Mapping

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from streams.reader import new_consumer
from streams.settings import Settings
from streams.topics import TopicError, unreachable

__all__ = ["log_ends", "refusal"]


async def log_ends(settings: Settings, topic: str, partitions: int) -> dict[int, int]:
    """Return the offset behind the last record by partition; raises TopicError without brokers."""
    consumer = new_consumer(settings)
    places = [TopicPartition(topic, number) for number in range(partitions)]
    try:
        await consumer.start()
        ends = await consumer.end_offsets(places)
    except (KafkaError, OSError) as error:
        raise TopicError(unreachable(settings, error)) from None
    finally:
        await consumer.stop()
    return {place.partition: end for place, end in ends.items()}


def refusal(topic: str, ends: Mapping[int, int], marks: Mapping[int, int]) -> str | None:
    """Return why a log that ends at `ends` can't be the one of `marks`, in one line, else None.

    A mark is the highest offset of a partition that the state has counted.
    """
    for partition, mark in sorted(marks.items()):
        end = ends.get(partition)
        if end is not None and end <= mark:
            return (
                f"topic {topic}: partition {partition} ends at offset {end}, but the state has "
                f"counted it up to {mark}: it is another log under the same name. Delete the "
                "topic and make it with `weir topics create`, which gives it a new epoch, or "
                "count anew what is there with `weir state rebuild`"
            )
    return None
