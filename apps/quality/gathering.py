"""Reading the topics of labels and verdicts, outside of any group: nothing is committed."""

from collections.abc import Callable
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
    until: datetime | None = None,
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> History:
    """Return verdicts appended from `since` to before `until` (None: now), with all labels.

    `told` is given the verdicts read and all there are, now and then. Raises TopicError where the
    brokers or the topics can't be read.
    """
    counts = await check(settings)
    async with open_reader(settings) as consumer:
        truths = await _labels(consumer, name(settings, "labels"))
        topic = name(settings, "verdicts")
        places = [TopicPartition(topic, number) for number in range(counts[topic])]
        consumer.assign(places)
        starts = await _offsets(consumer, places, since)
        ends = await _offsets(consumer, places, until)
        for place in places:
            consumer.seek(place, starts[place])
        total = sum(max(0, ends[place] - starts[place]) for place in places)
        history = History(truths, stride=1 + total // _WATCHED)
        done = 0
        async for records in by_time(consumer, ends):
            for record in records:
                history.add(record.value, record.timestamp / 1000)
            done += len(records)
            told(done, total)
    return history


async def _labels(consumer: Any, topic: str) -> Truths:
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    truths = Truths()
    async for records in by_time(consumer, await consumer.end_offsets([place])):
        for record in records:
            appended = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            label = read_record(record.value, record.headers, appended)
            if isinstance(label, Label):
                truths.add(label)
    return truths


async def _offsets(
    consumer: Any, places: list[TopicPartition], moment: datetime | None
) -> dict[TopicPartition, int]:
    """Return the first offset of each partition at or after a moment; its end where none is."""
    ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
    if moment is None:
        return ends
    at = int(moment.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(places, at))
    return {place: ends[place] if found[place] is None else found[place].offset for place in places}
