"""A learner put together: its models found again, its claim made, everything that a batch needs."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
from redis.exceptions import RedisError

from detectors.engine import engine_digest
from detectors.judging import Judge
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import LabelPosition, Snapshot
from streams.labels.asking import open_answers
from streams.labels.counting import Counting, CountingStore, LabelsLostError
from streams.labels.finding import Finding
from streams.labels.mail_log import open_mail_log
from streams.labels.path import Paths
from streams.labels.recounting import Recounting
from streams.learning.claim import Fence, take
from streams.learning.commands import Commands
from streams.learning.handling import Handling, Places
from streams.learning.lessons import Teacher
from streams.learning.lineage import Lineage, SchemaError
from streams.learning.metrics import LearnerMetrics
from streams.learning.model_log import Entry, open_model_log
from streams.learning.publisher import open_publisher
from streams.learning.publishing import Publishing
from streams.learning.quality import open_quality
from streams.learning.recent import Recent, open_recent
from streams.learning.snapshotting import Snapshots
from streams.log_epoch import mail_epoch
from streams.model_records import Pointer
from streams.opening import load_weights
from streams.policies import read_policy_of
from streams.registry import Registry
from streams.settings import Settings, read_keys
from streams.stores.protocol import Store, StoreError
from streams.topics import TopicError, name

__all__ = ["LearnerStore", "Parts", "Session", "open_session"]

_HOUR = 3600.0

log = structlog.get_logger(__name__)


class LearnerStore(Store, CountingStore, Protocol):
    """What a learner asks of a store, whichever keeps it."""


class Parts:
    """What a learner reads of its installation before it reaches Kafka or Redis.

    Raises KeysError, PolicyError, OSError or WeightsError for what it can't use.
    """

    def __init__(self, settings: Settings, metrics: LearnerMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.keys = read_keys(Path(settings.privacy.keys_file))
        self.context = settings.context(self.keys)
        self.policies, _ = read_policy_of(settings.policy)
        self.stack, self._weights = load_weights(settings)
        self.snapshots = Snapshots(
            Path(settings.models.snapshots),
            self.context,
            self.stack,
            days=settings.learner.snapshot_days,
            known_ham=settings.learner.known_ham,
            damaged=self._damaged,
        )

    def preparer(self, models: Ensemble) -> Judge:
        """Return the core that tells what a message shows by itself; it judges nothing here."""
        engine = engine_digest(self.context, self._weights)
        return Judge(self.context, None, self.policies, self.stack, engine, models=models)

    def _damaged(self, line: str) -> None:
        self.metrics.damaged(line)
        log.error("snapshot_damaged", reason=line)


@dataclass(slots=True)
class Session:
    """A learner at work, under its claim."""

    lineage: Lineage
    fence: Fence
    publishing: Publishing
    handling: Handling
    recounting: Recounting
    labels_epoch: str
    paths: Paths
    metrics: LearnerMetrics

    @property
    def handled(self) -> int:
        """The offset of the last label that is handled, -1 for none."""
        done = self.lineage.labels
        return done.offset if done is not None and done.epoch == self.labels_epoch else -1

    async def look(self) -> None:
        """Publish what is due, and tell whose labels that was."""
        with suppress(TopicError, StoreError, RedisError, OSError, LabelsLostError):
            await self.recounting.look(self.handled)  # else the next one does
        await self.publishing.look()
        lineage = self.lineage
        with suppress(StoreError, RedisError, OSError):  # it decides nothing
            count = await self.paths.published(lineage.published_sequence, waiting=lineage.waiting)
            self.metrics.labels.labels("published").inc(count)

    async def close(self) -> None:
        """Publish and keep what was learned, as far as the gate is open."""
        await self.look()
        await self.publishing.keep()


@asynccontextmanager
async def open_session(
    parts: Parts,
    store: LearnerStore,
    partitions: Mapping[str, int],
    learner: str,
    executor: Executor,
) -> AsyncIterator[Session]:
    """Find the models again, claim them, and put together what handles labels.

    Raises ArtifactError where no snapshot in the folder can be used, SupersededError, TopicError.
    """
    settings = parts.settings
    async with AsyncExitStack() as opened:
        publisher = await opened.enter_async_context(
            open_publisher(settings, parts.metrics.resent.inc)
        )
        model_log = await opened.enter_async_context(open_model_log(settings))
        registry = Registry.of(settings)
        opened.push_async_callback(registry.close)
        lineage, snapshot = await asyncio.get_running_loop().run_in_executor(
            executor, partial(_lineage, parts, registry)
        )
        # Where Redis has lost its epochs the topics are still those that the snapshot and the steps
        # name: under another one, labels that are handled would be learned again.
        place = snapshot.log if snapshot else None
        epochs = {"models": await _epoch(store, name(settings, "models"), place)}
        await model_log.seek(await model_log.start_of(place, epochs["models"]))
        following = _Following(lineage, parts.metrics)
        fence = await take(model_log, publisher, learner, lambda: lineage.fence, following.follow)
        epochs["labels"] = await _epoch(store, name(settings, "labels"), lineage.labels)
        mails = partitions[name(settings, "messages")]
        epochs["messages"] = await mail_epoch(settings, store, mails)
        quality = await opened.enter_async_context(
            open_quality(settings, partitions[name(settings, "verdicts")], parts.metrics.registry)
        )
        preparer = parts.preparer(lineage.head)
        recent = Recent(parts.stack, lineage, preparer)
        publishing = Publishing(
            lineage,
            publisher,
            fence,
            parts.snapshots,
            registry,
            settings.learner,
            parts.metrics,
            epoch=epochs["models"],
            executor=executor,
            theta=quality.theta,
            flips=recent.flips,
        )
        publishing.starts_at(snapshot.sequence if snapshot else -1)
        if snapshot is None or following.is_broken():
            await publishing.begin_anew()
        mail = await opened.enter_async_context(open_mail_log(settings, epochs["messages"], mails))
        await opened.enter_async_context(
            open_recent(settings, recent, epochs["messages"], mails, executor)
        )
        known, paths, _ = await opened.enter_async_context(open_answers(settings))
        finding = Finding(mail, store, known, parts.context, parts.keys.token_key)
        counting = Counting(
            store,
            epochs["labels"],
            lambda tenant: parts.policies.for_tenant(tenant).labels,
            settings.state.reports_hours * _HOUR,
            paths,
        )
        loop = asyncio.get_running_loop()
        recounting = Recounting(
            settings,
            mails,
            counting,
            finding,
            lambda batch: loop.run_in_executor(executor, preparer.prepare, batch),
        )
        handling = Handling(
            lineage,
            Teacher(
                lineage,
                parts.stack,
                parts.snapshots.layout,
                epoch=epochs["labels"],
                fence=fence.number,
                largest=settings.record_bytes,
            ),
            finding,
            recounting,
            preparer,
            publisher,
            fence,
            parts.metrics,
            places=Places(name(settings, "labels"), name(settings, "deadletter")),
            executor=executor,
            wait_seconds=settings.learner.wait_seconds,
            execute=Commands(
                lineage, publishing, publisher, fence, registry, parts.snapshots, parts.metrics
            ).execute,
            settled=quality.settled,
            paths=paths,
        )
        parts.metrics.sequence.set(lineage.sequence)
        parts.metrics.frozen.set(lineage.frozen)
        session = Session(
            lineage,
            fence,
            publishing,
            handling,
            recounting,
            epochs["labels"],
            paths,
            parts.metrics,
        )
        await recounting.wait_for(session.handled)
        yield session


class _Following:
    """Takes the log in at the start, and remembers what was wrong with it."""

    def __init__(self, lineage: Lineage, metrics: LearnerMetrics) -> None:
        self._lineage = lineage
        self._metrics = metrics

    def follow(self, entry: Entry) -> None:
        """Take in a record; one that can't be used is told, and what hangs on it is left out."""
        if entry.record is None:
            log.error("model_record_unreadable", offset=entry.offset, reason=entry.reason)
            return
        try:
            self._lineage.follow(entry.record)
        except (SchemaError, ValueError) as error:
            log.error("step_refused", offset=entry.offset, reason=str(error))  # noqa: TRY400 - no defect
            self._metrics.steps_refused.inc()
            self._lineage.lost = True

    def is_broken(self) -> bool:
        """Tell whether the models aren't those that were published, so that all must load anew."""
        lineage = self._lineage
        if lineage.lost:
            log.error("steps_missing", sequence=lineage.sequence)
            return True
        if lineage.digest and lineage.digest != lineage.published.state_digest():
            self._metrics.digest_mismatches.inc()
            log.error("digest_differs", sequence=lineage.published_sequence)
            return True
        return False


def _lineage(parts: Parts, registry: Registry) -> tuple[Lineage, Snapshot | None]:
    found = parts.snapshots.latest()
    models, memory = found[:2] if found else parts.snapshots.fresh()
    snapshot = found[2] if found else None

    def load(pointer: Pointer) -> Ensemble | None:
        try:
            return parts.snapshots.open(registry.read(pointer))
        except ArtifactError as error:
            log.error("artifact_missing", reason=str(error))  # noqa: TRY400 - an operator's to mend
            return None

    lineage = Lineage(models, memory, parts.snapshots.layout, load)
    if snapshot is not None:
        lineage.go_on_from(snapshot)
    return lineage, snapshot


async def _epoch(store: LearnerStore, topic: str, known: LabelPosition | None) -> str:
    proposed = known.epoch if known else secrets.token_hex(4)
    epoch = await store.epoch(topic, proposed)
    if epoch == proposed and not known:
        log.warning("epoch_was_missing", topic=topic, epoch=epoch)
    return epoch
