"""What was learned reaches the scorers: markers behind a gate, and snapshots after them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import structlog

from models.ensemble import Ensemble
from models.gate import Limits, Measured, Moved, closed, measure
from models.snapshot import LabelPosition
from streams.learner_section import LearnerSection
from streams.learning.claim import Fence
from streams.learning.lineage import Lineage
from streams.learning.metrics import LearnerMetrics
from streams.learning.publisher import Publisher
from streams.learning.saying import Said
from streams.learning.snapshotting import NAME, Snapshots
from streams.model_records import Marker, Pointer, Theta
from streams.registry import Registry

__all__ = ["Publishing"]

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class Publishing:
    """Sets markers where the gate is open, revokes what waited too long, keeps snapshots.

    `epoch` is that of the models' topic, `theta` says how the audit asks at this moment, `flips`
    how many of how many recent verdicts would change their action. Nothing here may run beside
    learning: the caller sees to it.
    """

    def __init__(  # noqa: PLR0913 - what a marker rests on, each by its name
        self,
        lineage: Lineage,
        publisher: Publisher,
        fence: Fence,
        snapshots: Snapshots,
        registry: Registry,
        section: LearnerSection,
        metrics: LearnerMetrics,
        *,
        epoch: str,
        executor: Executor,
        theta: Callable[[], Theta | None] = lambda: None,
        flips: Callable[[Ensemble, Ensemble], tuple[int, int]] = lambda _, __: (0, 0),
        published: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._lineage = lineage
        self._publisher = publisher
        self._fence = fence
        self._snapshots = snapshots
        self._registry = registry
        self._section = section
        self._metrics = metrics
        self._epoch = epoch
        self._executor = executor
        self._theta = theta
        self._flips = flips
        self._published = published
        self._limits = Limits(section.gate_shift, section.gate_sender_shift, section.gate_flips)
        self._known_ham = Said()
        self._closed_at: float | None = None
        self._said: tuple[object, ...] = ()
        self._digest = ""
        self._marked = 0
        self._kept_sequence = -1
        self._kept_at = time.monotonic()

    @property
    def full(self) -> bool:
        """Whether so many steps wait that a snapshot is due."""
        return self._lineage.waiting >= self._section.snapshot_labels

    def starts_at(self, kept: int) -> None:
        """Take note of the sequence of the last snapshot."""
        self._kept_sequence = kept

    async def look(self, *, force: bool = False) -> None:
        """Publish what has changed, if the gate is open; `force`: a marker in any case.

        Raises DeliveryError, SupersededError, KafkaError or ArtifactError.
        """
        lineage, theta = self._lineage, self._theta()
        version = theta.version if theta else ""
        said = (lineage.sequence, lineage.labels, lineage.frozen, version)
        if said == self._said and not force and self._closed_at is None:
            return
        reason = ""
        if lineage.waiting:
            found = await self._in_thread(self._measure)
            reason = closed(found, self._limits)
            self._metrics.gate_shift.set(found.shift)
        self._metrics.known_ham.set(len(lineage.memory.ham))
        if reason:
            await self._hold(reason, theta)
        else:
            await self._let_out(theta)
        self._said = (lineage.sequence, lineage.labels, lineage.frozen, version)

    async def begin_anew(self) -> None:
        """Go on from what is here, which no steps lead to: under a sequence of its own."""
        lineage = self._lineage
        lineage.replace(lineage.published, lineage.sequence + 1 if lineage.sequence else 0)
        await self.snapshot(await self._fence.end())
        await self.look(force=True)

    async def keep(self) -> None:
        """Keep what was published since the last snapshot."""
        if self._lineage.published_sequence > self._kept_sequence:
            await self.snapshot(self._marked)

    async def snapshot(self, offset: int) -> None:
        """Keep what was published; `offset` is that of its marker. A failure costs this one."""
        lineage = self._lineage
        place = LabelPosition(self._epoch, offset)
        labels = lineage.labels
        sequence = lineage.published_sequence

        def write() -> tuple[Any, bytes]:
            """Write it, and let go of old ones."""
            models, memory = lineage.published_state()
            found = self._snapshots.write(
                models,
                memory,
                sequence=sequence,
                fence=self._fence.number,
                labels=labels,
                at=place,
            )
            self._snapshots.expire()
            return found

        artifact, content = await self._in_thread(write)
        self._metrics.snapshots.labels("written").inc()
        self._kept_sequence, self._kept_at = sequence, time.monotonic()
        await self._registry.cache(artifact.digest, content)
        pointer = Pointer(
            fence=self._fence.number,
            model="online",
            stage="live",
            name=NAME,
            digest=artifact.digest,
            sequence=sequence,
            labels=labels,
        )
        await self._fence.confirm(await self._publisher.publish(pointer))
        for each in lineage.announced.again(self._fence.number):
            await self._registry.warm(each)
            await self._fence.confirm(await self._publisher.publish(each))
        log.info("snapshot_written", sequence=sequence, digest=artifact.digest[:12])

    async def _let_out(self, theta: Theta | None) -> None:
        lineage = self._lineage
        if self._closed_at is not None:
            log.info("gate_opened")
        self._closed_at = None
        self._metrics.gate_closed.set(0)
        self._digest = await self._in_thread(lineage.head.state_digest)
        offset = await self._mark(lineage.sequence, theta)
        await self._in_thread(lineage.publish)
        self._metrics.waiting.set(0)
        self._published(lineage.published_sequence)
        new = lineage.published_sequence - self._kept_sequence
        old = time.monotonic() - self._kept_at >= self._section.snapshot_seconds
        if new >= self._section.snapshot_labels or (new and old):
            await self.snapshot(offset)

    async def _hold(self, reason: str, theta: Theta | None) -> None:
        lineage, now = self._lineage, time.monotonic()
        self._metrics.gate_closed.set(1)
        if self._closed_at is None:
            self._closed_at = now
            log.error("gate_closed", reason=reason, steps=lineage.waiting)
        revoked: tuple[tuple[int, int], ...] = ()
        if now - self._closed_at >= self._section.gate_seconds:
            revoked = lineage.waiting_ranges()
            log.error("steps_revoked", reason=reason, steps=lineage.waiting)
            self._metrics.revoked.inc(lineage.waiting)
        elif self._said and self._said[1] == lineage.labels:
            return  # it has been said already
        if not self._digest:
            self._digest = await self._in_thread(lineage.published.state_digest)
        await self._mark(lineage.published_sequence, theta, reason, revoked)
        if revoked:
            await self._in_thread(lineage.revoke)
            self._closed_at = None
            self._metrics.gate_closed.set(0)
            self._metrics.waiting.set(0)

    async def _mark(
        self,
        published: int,
        theta: Theta | None,
        reason: str = "",
        revoked: tuple[tuple[int, int], ...] = (),
    ) -> int:
        marker = Marker(
            fence=self._fence.number,
            published=published,
            revoked=revoked,
            digest=self._digest,
            labels=self._lineage.labels,
            theta=theta,
            closed=reason,
            frozen=self._lineage.frozen,
        )
        offset = self._marked = await self._publisher.publish(marker)
        await self._fence.confirm(offset)
        return offset

    def _measure(self) -> Measured:
        lineage = self._lineage
        kept = lineage.memory.ham
        lessons = [each.lesson for each in kept]
        published = self._known_ham.of(lineage.published, lessons)
        now = self._known_ham.of(lineage.head, lessons)
        known = [
            Moved(each.sender, was, will_be, each.anchor)
            for each, was, will_be in zip(kept, published, now, strict=True)
        ]
        flips, verdicts = self._flips(lineage.published, lineage.head)
        return measure(known, flips, verdicts, self._limits)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
