"""The archiver: reads topics from where the archive ends, and publishes block after block.

Offsets are kept in the archive alone, in the same entry as the rows that they bring: whatever kills
this process, the next one goes on where the archive ends, and each offset is in it once.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.block import Block
from apps.subscriber.archive.manifest import Kind, Manifest, ManifestFiles
from apps.subscriber.archive.metrics import ArchiveMetrics
from apps.subscriber.archive.named import Named
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.archive.tidying import tidy
from apps.subscriber.once import Once
from apps.subscriber.received import Gap, Reception, received
from streams.settings import Settings
from streams.topics import Role, name

__all__ = ["Archiver"]

_WAIT_MS: Final = 500
_STANDBY: Final = 5.0  # seconds that an overtaken writer leaves to the other
_REMEMBERED: Final = 20_000  # events of a partition, by which repetitions are told
_LOOKED: Final = 8  # files of the archive from which they are learnt at the start
_CHECKPOINT: Final = 64  # entries between two checkpoints
_LAG: Final = 3.0  # seconds between two questions how far the topics are

log = structlog.get_logger(__name__)


class _OvertakenError(Exception):
    """Another writer has published what this one was about to."""


class Archiver:
    """Archives one installation's topics; `stop` ends it after what it holds is published."""

    def __init__(self, settings: Settings) -> None:
        section = settings.archive
        self._settings = settings
        self._section = section
        self._storage = Storage(section.url)
        self._entries = ManifestFiles(self._storage)
        roles: list[Role] = ["verdicts", "labels", "models"]
        if section.raw:
            roles.append("messages")
        self._kinds: dict[str, Kind] = {name(settings, role): role for role in roles}  # type: ignore[misc]  # these roles are kinds
        self._roles = roles
        self._stopped = asyncio.Event()
        self._gaps: list[Gap] = []
        self._manifest = Manifest()
        self._once = Once(_REMEMBERED)
        self._block = Block({}, {}, self._once)
        self._quiet = False
        self._assigned = self._seen = False
        self._begun: dict[TopicPartition, int] = {}
        self._seen_ends: dict[TopicPartition, int] = {}
        self.metrics = ArchiveMetrics()
        self.rows = 0
        self.blocks = 0

    def stop(self) -> None:
        """Publish what is held, and return from `run`."""
        self._stopped.set()

    def ready(self) -> dict[str, bool]:
        """Return what readiness rests on: the topics are read, and the archive was."""
        return {"partitions": self._assigned, "archive": self._seen}

    async def run(self, *, once: bool = False) -> None:
        """Archive until `stop`, or, with `once`, what the topics hold by now.

        Raises TopicError where the topics can't be read, ArchiveError where the archive can't.
        """
        self._quiet = once
        if not once:
            log.info("archiver_starts", archive=self._storage.url)
        named = Named(self._settings, self._storage)
        try:
            await asyncio.to_thread(named.classifier)
            while True:
                try:
                    await self._session(named, once=once)
                except _OvertakenError:
                    self.metrics.overtaken.inc()
                    log.warning("overtaken", archive=self._storage.url)
                    await self._pause(0 if once else _STANDBY)
                    continue
                if not once:
                    log.info("archiver_stopped", rows=self.rows, blocks=self.blocks)
                return
        finally:
            await named.close()

    async def _session(self, named: Named, *, once: bool) -> None:
        """Read on from where the archive ends; raises _OvertakenError."""
        self._manifest = await asyncio.to_thread(self._entries.read)
        self._seen = True
        self._begun = {}
        self.metrics.holds(self._manifest)
        if self._manifest.at is not None:
            self.metrics.last.set(self._manifest.at.timestamp())
        self._gaps = []
        await asyncio.to_thread(self._remember)
        async with received(
            self._settings, self._roles, starts=self._starts, told=self._gaps.append
        ) as reception:
            self._begin()
            goals: Mapping[TopicPartition, int] | None = None
            due = tidied = time.monotonic()
            asked = -math.inf
            while not self._stopped.is_set():
                records = await reception.take(wait_ms=_WAIT_MS)
                if self._gaps:  # a block spans offsets without a gap
                    self._count_gaps()
                    await self._publish(named)
                    self._begin()
                    self._gaps.clear()
                following = reception.following
                self._block.add(records, following)
                self._assigned = bool(following)
                self.metrics.held.set(self._block.rows)
                if time.monotonic() - asked >= _LAG:
                    asked = time.monotonic()
                    await self._look_ahead(reception)
                if once and goals is None:
                    goals = await reception.ends()
                ended = goals is not None and all(following[p] >= goals[p] for p in goals)
                if ended or self._due(due):
                    await self._publish(named)
                    due = time.monotonic()
                if ended:
                    return
                if time.monotonic() - tidied > self._section.tidy_seconds:
                    tidied = time.monotonic()
                    await self._tidy()
            await self._publish(named)

    async def _starts(self, places: frozenset[TopicPartition]) -> dict[TopicPartition, int]:
        known = self._ends()
        return {place: known[place] for place in places if place in known}

    def _ends(self) -> dict[TopicPartition, int]:
        return {TopicPartition(*place): end for place, end in self._manifest.ends.items()}

    def _remember(self) -> None:
        """Remember the latest events of the archive: a worker that starts anew repeats some."""
        self._once = Once(_REMEMBERED)
        archive = Archive(self._storage, self._manifest)
        latest = sorted(archive.files("verdicts"), key=lambda file: file.until)[-_LOOKED:]
        topic = name(self._settings, "verdicts")
        for batch in archive.verdicts(columns=["partition", "event"], files=latest):
            places, events = (batch.column(column).to_pylist() for column in (0, 1))
            for partition, event in zip(places, events, strict=True):
                self._once.first(TopicPartition(topic, partition), event.encode())

    def _begin(self) -> None:
        self._block = Block(self._kinds, self._ends(), self._once)
        self.metrics.held.set(0)

    def _count_gaps(self) -> None:
        for gap in self._gaps:  # what lies in a topic that was made anew can't be counted
            self.metrics.expired.inc(max(0, gap.first - gap.wanted))

    async def _look_ahead(self, reception: Reception) -> None:
        for part in self._block.ranges():
            self._begun.setdefault(TopicPartition(part.topic, part.partition), part.first)
        for place, offset in reception.following.items():
            self._begun.setdefault(place, offset)
        with contextlib.suppress(KafkaError):  # while the brokers are away nothing is known
            self._seen_ends = await reception.ends()
        self.metrics.behind(self._seen_ends, self._reached())

    def _reached(self) -> dict[TopicPartition, int]:
        """Return up to where each partition is archived, or where reading began."""
        return {**self._begun, **self._ends()}

    def _due(self, since: float) -> bool:
        section, block = self._section, self._block
        return (
            block.rows >= section.block_rows
            or block.bytes >= section.block_bytes
            or (time.monotonic() - since >= section.block_seconds)
        )

    async def _publish(self, named: Named) -> None:
        """Write the block and publish it; raises _OvertakenError where another was faster."""
        block = self._block
        if not block.ranges():
            return
        began = time.monotonic()
        await named.keep(block.policies, block.pointers)
        entry = await asyncio.to_thread(block.write, self._storage, datetime.now(UTC))
        after = await asyncio.to_thread(self._entries.publish, entry, self._manifest)
        if after is None:
            raise _OvertakenError
        self._manifest = after
        self.rows += block.rows
        self.blocks += 1
        self.metrics.published(entry, time.monotonic() - began)
        self.metrics.holds(after)
        self.metrics.behind(self._seen_ends, self._reached())
        if not self._quiet:
            log.info("block_archived", rows=block.rows, files=len(entry.adds))
        if not block.ends_as(after.ends):  # another has gone on behind it already
            raise _OvertakenError
        self._begin()
        if after.uncovered >= _CHECKPOINT:
            checkpoint = after.checkpoint(datetime.now(UTC))
            found = await asyncio.to_thread(self._entries.publish, checkpoint, after)
            self._go_on(found or after)

    async def _tidy(self) -> None:
        try:
            await asyncio.to_thread(tidy, self._storage, self._section, datetime.now(UTC))
        except ArchiveError as error:
            self.metrics.untidied.inc()
            log.warning("not_tidied", error=str(error))
        self._go_on(await asyncio.to_thread(self._entries.read))
        self.metrics.holds(self._manifest)

    def _go_on(self, manifest: Manifest) -> None:
        """Go on with what the archive holds now; raises _OvertakenError if another went on."""
        if manifest.ends != self._manifest.ends:
            raise _OvertakenError
        self._manifest = manifest

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return
