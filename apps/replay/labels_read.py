"""The labels that a replay's source knows of, in its order; a file has them for its processes."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from apps.replay.sources import ArchiveSource, Source
from models.label import Label
from streams.settings import Settings

__all__ = ["GivenLabel", "read_labels", "write_labels"]


class GivenLabel(NamedTuple):
    """A label or a retraction, and when the log took it (s)."""

    at: float
    label: Label


async def write_labels(settings: Settings, source: Source, file: Path) -> None:
    """Write a source's labels, a line each; raises as `read_labels`."""
    with file.open("wb") as out:
        for given in await read_labels(settings, source):
            out.write(msgspec.json.encode(given.label) + b"\n")


async def read_labels(settings: Settings, source: Source) -> list[GivenLabel]:
    """Return a source's labels in the order of the log.

    Of an archive all that it holds, else those of the topic. Raises TopicError or ArchiveError.
    """
    if isinstance(source, ArchiveSource):
        return await asyncio.to_thread(_archived, source)
    return await _of_topic(settings)


def _archived(source: ArchiveSource) -> list[GivenLabel]:
    from apps.subscriber.archive.reading import Archive  # noqa: PLC0415 - pyarrow

    # A label comes after its verdict, by days perhaps: those before the source's begin say nothing.
    kept = Archive.open(source.url).labels(since=source.since)
    return [GivenLabel(it.appended.timestamp(), it.label) for it in kept]


async def _of_topic(settings: Settings) -> list[GivenLabel]:
    from aiokafka import TopicPartition  # type: ignore[import-untyped] # noqa: PLC0415 - no types

    from apps.state.log_reading import by_time  # noqa: PLC0415 - aiokafka
    from streams.label_records import read_record  # noqa: PLC0415 - aiokafka
    from streams.reader import open_reader  # noqa: PLC0415 - aiokafka
    from streams.topics import name  # noqa: PLC0415 - aiokafka

    place = TopicPartition(name(settings, "labels"), 0)
    async with open_reader(settings) as consumer:
        consumer.assign([place])
        begins, ends = (
            await consumer.beginning_offsets([place]),
            await consumer.end_offsets([place]),
        )
        consumer.seek(place, begins[place])
        labels = []
        async for records in by_time(consumer, ends):
            for record in records:
                at = record.timestamp / 1000
                label = read_record(record.value, record.headers, datetime.fromtimestamp(at, UTC))
                if isinstance(label, Label):
                    labels.append(GivenLabel(at, label))
    return labels
