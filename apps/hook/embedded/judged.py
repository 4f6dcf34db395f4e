"""Which messages of the local log have their verdict in it already, and where.

After a crash the state has forgotten what came since it was last saved. Those messages are counted
again, and keep the verdicts that were given on them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from apps.state.log_reading import by_time
from detectors.verdict import LogPlace
from features.envelope import LogPosition
from streams.reader import open_reader
from streams.settings import Settings
from streams.stores.protocol import Keeping
from streams.topics import name

__all__ = ["Judged", "find_judged"]

_OURS: Final = ("judged", "revised")  # a fallback's verdict is on a message that nobody judged


class _Head(msgspec.Struct):
    kind: str
    log: LogPlace | None


class _Place(NamedTuple):
    partition: int
    offset: int


_DECODER: Final = msgspec.json.Decoder(_Head)


class Judged:
    """Where the verdicts of messages lie."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = name(settings, "verdicts")
        self._places: dict[LogPosition, _Place] = {}

    def __len__(self) -> int:
        """Return how many messages have a verdict."""
        return len(self._places)

    def __contains__(self, message: object) -> bool:
        """Tell whether the message at a position has a verdict."""
        return message in self._places

    def take(self, value: bytes | None, partition: int, offset: int) -> None:
        """Take note of a record of the topic of verdicts; the first on a message counts."""
        try:
            head = _DECODER.decode(value or b"")
        except (msgspec.MsgspecError, ValueError):
            return
        if head.log is not None and head.kind in _OURS:
            at = LogPosition(head.log.epoch, head.log.partition, head.log.offset)
            self._places.setdefault(at, _Place(partition, offset))

    async def records(self, consumer: Any, messages: Sequence[LogPosition]) -> list[Keeping]:
        """Return what a store must know of messages that have verdicts; raises KafkaError."""
        found = []
        for message in messages:
            at = self._places[message]
            place = TopicPartition(self._topic, at.partition)
            consumer.assign([place])
            consumer.seek(place, at.offset)
            record = await consumer.getone(place)
            found.append(Keeping(message, record.value))
        return found


async def find_judged(settings: Settings, partitions: int, since_ms: int) -> Judged:
    """Return which messages have verdicts that were appended since a time (epoch ms).

    Raises TopicError where the log can't be read.
    """
    judged = Judged(settings)
    topic = name(settings, "verdicts")
    places = [TopicPartition(topic, number) for number in range(partitions)]
    async with open_reader(settings) as consumer:
        consumer.assign(places)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        starts = await consumer.offsets_for_times(dict.fromkeys(places, since_ms))
        for place in places:
            start = starts[place]
            consumer.seek(place, ends[place] if start is None else start.offset)
        async for records in by_time(consumer, ends):
            for record in records:
                judged.take(record.value, record.partition, record.offset)
    return judged
