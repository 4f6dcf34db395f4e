"""The archive: that it can be written, that it keeps up, and that its files are there."""

import asyncio
import secrets
import time
from typing import Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from apps.doctor.finding import Finding, fine, warning
from apps.subscriber.archive.manifest import KINDS, DataFile
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.received import received
from detectors.wording import duration
from streams.settings import Settings
from streams.topics import Role, TopicError

__all__ = ["look_at_archive"]

_SUBJECT: Final = "archive"
_PATIENCE: Final = 20.0  # seconds for the brokers
_WAIT_MS: Final = 1000
_BLOCKS: Final = 3  # blocks that may be due before it counts as stopped
_NAMED: Final = 3  # files that are named


async def look_at_archive(settings: Settings) -> list[Finding]:
    """Return findings about the archive of the settings; one where there is none.

    A small file is written beside the data and deleted again: whether that is allowed, and whether
    there is room, can't be told otherwise.
    """
    if not settings.archive.url:
        said = "none (archive.url is empty): nothing outlives the topics"
        return [fine(_SUBJECT, said)]
    start = "start `weir archive run`; `weir archive status` says what it has"
    try:
        archive = await asyncio.to_thread(Archive.open, settings.archive.url)
    except ArchiveError as error:
        return [warning(_SUBJECT, str(error), start)]
    return [
        await asyncio.to_thread(_written, archive.storage),
        *await _kept_up(settings, archive, start),
        await asyncio.to_thread(_files, archive),
    ]


def _written(storage: Storage) -> Finding:
    path = f"doctor/{secrets.token_hex(8)}"
    try:
        storage.write(path, b"written by weir doctor\n")
        storage.delete(path)
    except ArchiveError as error:
        todo = "give the archiver's user leave to write there, or make room"
        return warning(_SUBJECT, str(error), todo)
    return fine(_SUBJECT, f"{storage.url} can be read and written")


async def _kept_up(settings: Settings, archive: Archive, start: str) -> list[Finding]:
    roles: list[Role] = ["verdicts", "labels", "models"]
    if settings.archive.raw:
        roles.append("messages")
    held = {TopicPartition(*place): end for place, end in archive.manifest.ends.items()}

    async def starts(places: frozenset[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: held[place] for place in places & held.keys()}

    opened = received(settings, roles, starts=starts, told=lambda _: None)
    try:
        async with asyncio.timeout(_PATIENCE), opened as reception:
            first = await reception.take(wait_ms=_WAIT_MS)
            ends = await reception.ends()
    except (TopicError, TimeoutError):
        return []  # that Kafka can't be used is another finding's subject
    waiting = sum(max(0, end - held.get(place, 0)) for place, end in ends.items())
    lost = len(archive.manifest.lost)
    told = f"; {lost} ranges of offsets expired before they were archived" if lost else ""
    if not first:
        return [fine(_SUBJECT, f"no record waits{told}")]
    late = time.time() - min(record.appended_ms for record in first) / 1000
    said = f"{waiting:,} records wait, since {duration(max(0.0, late))}{told}"
    if late > _BLOCKS * settings.archive.block_seconds:
        return [warning(_SUBJECT, said, start)]
    return [fine(_SUBJECT, said)]


def _files(archive: Archive) -> Finding:
    """Compare names and sizes, which is quick; `weir archive check` reads all."""
    there = {held.path: held.size for kind in KINDS for held in archive.storage.listed(kind)}
    files = archive.manifest.files.values()
    broken = [file for file in files if there.get(file.path) != file.bytes]
    if broken:
        named = "; ".join(_wrong(file, there.get(file.path)) for file in broken[:_NAMED])
        said = f"{len(broken):,} of {len(files):,} files are missing or damaged: {named}"
        return warning(_SUBJECT, said, "restore them; `weir archive check` reads every file whole")
    return fine(_SUBJECT, f"{len(files):,} files, all there in their sizes")


def _wrong(file: DataFile, size: int | None) -> str:
    return f"{file.path} " + (
        "is missing" if size is None else f"has {size:,} bytes, {file.bytes:,} wanted"
    )
