"""Reading the topics of labels and verdicts, outside of any group: nothing is committed."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from apps.quality.history import History
from apps.quality.truths import Truths
from apps.state.log_reading import by_time
from models.label import Label
from streams.label_records import read_record
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import check, name

__all__ = ["gather"]

_WATCHED: Final = 50_000  # verdicts whose drift is read; of more, every second, third, ...


async def gather(
    settings: Settings,
    since: datetime,
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]],
) -> History:
    """Return the verdicts appended since a moment, with the labels given since.

    `progress` is entered with the number of verdicts, and what it yields told how many more were
    read. Raises TopicError where the brokers or the topics can't be read.
    """
    counts = await check(settings)
    async with open_reader(settings) as consumer:
        truths = await _labels(consumer, name(settings, "labels"), since)
        topic = name(settings, "verdicts")
        places = [TopicPartition(topic, number) for number in range(counts[topic])]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        starts = await _starts(consumer, ends, since)
        for place in places:
            consumer.seek(place, starts[place])
        total = sum(max(0, ends[place] - starts[place]) for place in places)
        history = History(truths, stride=1 + total // _WATCHED)
        with progress(total) as advance:
            async for records in by_time(consumer, ends):
                for record in records:
                    history.add(record.value, record.timestamp / 1000)
                advance(len(records))
    return history


async def _labels(consumer: Any, topic: str, since: datetime) -> Truths:
    """Read the labels since a moment: no label comes before its message's verdict."""
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    ends = await consumer.end_offsets([place])
    starts = await _starts(consumer, ends, since)
    consumer.seek(place, starts[place])
    truths = Truths()
    async for records in by_time(consumer, ends):
        for record in records:
            appended = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            label = read_record(record.value, record.headers, appended)
            if isinstance(label, Label):
                truths.add(label)
    return truths


async def _starts(
    consumer: Any, ends: Mapping[TopicPartition, int], moment: datetime
) -> dict[TopicPartition, int]:
    """Return the first offset of each partition at or after a moment; its end where none is."""
    at = int(moment.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(ends, at))
    return {
        place: end if found[place] is None else found[place].offset for place, end in ends.items()
    }
