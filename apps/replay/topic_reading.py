"""A stretch of the topic of verdicts, each with its message where the mail log still has it.

Where the settings name an embedded installation the topics are those of its local log.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types

from apps.cli.progress import bar
from apps.replay.materials import Kept
from apps.replay.model_history import HistoryWriter, ModelHistory
from apps.replay.reading import Mark, Stretch
from apps.replay.sources import SourceError, TopicSource
from apps.replay.verifying import BATCH
from apps.subscriber.once import Once
from apps.subscriber.recorded import KeptMail, ModelLogRecord, Recorded, Unread
from detectors.verdict import LogPlace
from features.envelope import LogPosition
from streams.labels.mail_log import MailLog, open_mail_log
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import TopicError, check, name
from streams.wire import Arrival, read_head

__all__ = ["TopicReading", "kept_mail", "open_topic"]

_WAIT_MS: Final = 500
_REPEATS: Final = 20_000  # verdicts of a partition among which a repetition is left out
_PATIENCE: Final = 60  # empty fetches in a row after which what is there isn't to be had


class _Where(msgspec.Struct):
    log: LogPlace | None = None


_DECODER = msgspec.json.Decoder(_Where)


@asynccontextmanager
async def open_topic(
    settings: Settings, source: TopicSource, *, mail: bool, kept: Kept | None
) -> AsyncIterator["TopicReading"]:
    """Open the topics, and find where the source begins and ends; what comes later isn't read.

    Raises SourceError for partitions that there aren't, TopicError where Kafka can't be reached.
    """
    counts = await check(settings)
    count = counts[name(settings, "verdicts")]
    if wrong := [it for it in source.partitions if it >= count]:
        raise SourceError(f"partition {wrong[0]} given; {name(settings, 'verdicts')} has {count}")
    async with AsyncExitStack() as opened:
        consumer = await opened.enter_async_context(open_reader(settings))
        reading = TopicReading(settings, consumer, opened, mail=mail, kept=kept)
        await reading.place(source, source.partitions or range(count))
        reading.partitions = counts[name(settings, "messages")]
        yield reading


class TopicReading:
    """Reads partitions one after another, and their messages from the mail log beside them."""

    def __init__(
        self,
        settings: Settings,
        consumer: Any,
        opened: AsyncExitStack,
        *,
        mail: bool,
        kept: Kept | None,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._opened = opened
        self._mail = mail
        self.kept = kept
        self.total = 0
        self.partitions = 0
        self._spans: dict[TopicPartition, tuple[int, int]] = {}
        self._expired: list[Unread] = []
        self._logs: dict[str, MailLog] = {}
        self._once = Once(_REPEATS)

    async def place(self, source: TopicSource, partitions: Sequence[int]) -> None:
        """Find the offsets that a source means, and say which of them have expired."""
        topic = name(self._settings, "verdicts")
        places = [TopicPartition(topic, number) for number in partitions]
        self._consumer.assign(places)
        self._consumer.pause(*places)
        begins = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        firsts = await self._bound(source.first, begins, ends)
        lasts = await self._bound(source.last, ends, ends)
        for place in places:
            first, last = firsts[place], min(lasts[place], ends[place])
            if first < begins[place]:
                self._expired.append(_expired(place, first, min(begins[place], last)))
                first = begins[place]
            self._spans[place] = (first, max(first, last))
        self.total = sum(last - first for first, last in self._spans.values())

    async def stretches(self, start: Mark) -> AsyncIterator[Stretch]:
        """Yield verdicts, partition by partition, from the marked offsets on."""
        following = {
            at: int(start.get(str(at.partition), first)) for at, (first, _) in self._spans.items()
        }
        unread, self._expired = self._expired if not start else [], []
        for place, (first, last) in self._spans.items():
            begin = following[place]
            if begin < first:
                unread.append(_expired(place, begin, first))
                begin = following[place] = first
            async for records in self._read(place, begin, last):
                following[place] = records[-1].offset + 1
                recorded, odd = await self._recorded(records)
                yield Stretch(recorded, [*unread, *odd], *self._behind(following))
                unread = []
        if unread:
            yield Stretch((), unread, *self._behind(following))

    def _behind(self, following: Mapping[TopicPartition, int]) -> tuple[Mark, int]:
        """Return the mark behind what was read, and how much that is."""
        done = sum(following[at] - first for at, (first, _) in self._spans.items())
        return {str(at.partition): offset for at, offset in following.items()}, done

    async def history(self, folder: Path) -> ModelHistory:
        """Write the topic of models into a folder, as far as it is kept."""
        place = TopicPartition(name(self._settings, "models"), 0)
        async with open_reader(self._settings) as consumer:
            consumer.assign([place])
            (begin,) = (await consumer.beginning_offsets([place])).values()
            (end,) = (await consumer.end_offsets([place])).values()
            with (
                HistoryWriter(folder) as writer,
                bar(f"reading {place.topic}", end - begin, "records") as advance,
            ):
                async for found in _fetched(consumer, place, begin, end):
                    for record in found:
                        writer.add(ModelLogRecord(record.headers, record.value))
                    advance(len(found))
        return ModelHistory(folder)

    async def _bound(
        self, given: int | datetime | None, otherwise: dict[Any, int], ends: dict[Any, int]
    ) -> dict[Any, int]:
        if given is None:
            return dict(otherwise)
        if isinstance(given, int):
            return dict.fromkeys(otherwise, given)
        at_ms = int(given.timestamp() * 1000)
        found = await self._consumer.offsets_for_times(dict.fromkeys(otherwise, at_ms))
        return {
            place: ends[place] if found[place] is None else found[place].offset
            for place in otherwise
        }

    async def _read(
        self, place: TopicPartition, first: int, last: int
    ) -> AsyncIterator[list[ConsumerRecord]]:
        self._consumer.resume(place)
        try:
            async for records in _fetched(self._consumer, place, first, last):
                yield records
        finally:
            self._consumer.pause(place)

    async def _recorded(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[Recorded], list[Unread]]:
        """Return verdicts with their messages; what is none is told."""
        found, unread, places = [], [], []
        for record in records:
            value = record.value or b""
            headers = dict(record.headers)
            tp = TopicPartition(record.topic, record.partition)
            try:
                event = headers.get("ce_id", b"").decode() or read_head(value).event_id
                log = _DECODER.decode(value).log
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
                unread.append(Unread(place, f"not a verdict ({error})"))
                continue
            if not self._once.first(tp, event.encode()):
                continue  # delivery is at least once, and the first is in force
            found.append(Recorded(event, value, record.timestamp))
            places.append(None if log is None else LogPosition(*msgspec.structs.astuple(log)))
        mails = await self._mails([place for place in places if place is not None])
        return [
            each if place is None else each._replace(mail=mails.get(place))
            for each, place in zip(found, places, strict=True)
        ], unread

    async def _mails(self, places: Sequence[LogPosition]) -> dict[LogPosition, KeptMail]:
        found: dict[LogPosition, KeptMail] = {}
        if not self._mail:
            return found
        for epoch in sorted({place.epoch for place in places}):
            if epoch not in self._logs:
                opening = open_mail_log(self._settings, epoch, self.partitions)
                self._logs[epoch] = await self._opened.enter_async_context(opening)
            own = [place for place in places if place.epoch == epoch]
            for place, arrival in (await self._logs[epoch].messages(own)).items():
                found[place] = kept_mail(arrival)
        return found


async def _fetched(
    consumer: Any, place: TopicPartition, first: int, last: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield the records [first, last) of an assigned partition; TopicError where none come."""
    consumer.seek(place, first)
    empty = 0
    while await consumer.position(place) < last:
        found = await consumer.getmany(place, timeout_ms=_WAIT_MS, max_records=BATCH)
        records = [record for record in found.get(place, ()) if record.offset < last]
        if records:
            empty = 0
            yield records
            continue
        empty += 1
        if empty == _PATIENCE:
            raise TopicError(f"{place.topic}, partition {place.partition}: nothing comes")


def kept_mail(arrival: Arrival) -> KeptMail:
    """Return what judging needs of a record of the mail log."""
    envelope = next((value for key, value in arrival.headers if key == "weir-envelope"), None)
    return KeptMail(arrival.incoming.raw, envelope, arrival.appended_ms, arrival.requeued)


def _expired(place: TopicPartition, first: int, begin: int) -> Unread:
    where = f"{place.topic}, partition {place.partition}, offsets {first} to {begin - 1}"
    return Unread(
        where, "have expired; the archive may hold them (topics.verdicts_hours keeps more)"
    )
