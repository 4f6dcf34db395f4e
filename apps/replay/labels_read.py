"""The labels that a replay's source knows of, written to a file that its processes read."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from apps.replay.sources import ArchiveSource, Source
from models.label import Label
from streams.settings import Settings

__all__ = ["write_labels"]


async def write_labels(settings: Settings, source: Source, file: Path) -> None:
    """Write a source's labels, a line each, in the order of the log.

    Of an archive all that it holds, else those of the topic. Raises TopicError or ArchiveError.
    """
    if isinstance(source, ArchiveSource):
        await asyncio.to_thread(_archived, source, file)
        return
    await _of_topic(settings, file)


def _archived(source: ArchiveSource, file: Path) -> None:
    from apps.subscriber.archive.reading import Archive  # noqa: PLC0415 - pyarrow

    # A label comes after its verdict, by days perhaps: those before the source's begin say nothing.
    kept = Archive.open(source.url).labels(since=source.since)
    _write(file, (it.label for it in kept))


async def _of_topic(settings: Settings, file: Path) -> None:
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
        labels: list[Any] = []
        async for records in by_time(consumer, ends):
            for record in records:
                appended = datetime.fromtimestamp(record.timestamp / 1000, UTC)
                labels.append(read_record(record.value, record.headers, appended))
    _write(file, labels)


def _write(file: Path, labels: Iterable[Any]) -> None:
    with file.open("wb") as out:
        for label in labels:
            if isinstance(label, Label):
                out.write(msgspec.json.encode(label) + b"\n")
