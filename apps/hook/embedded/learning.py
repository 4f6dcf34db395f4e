"""The learner inside an embedded hook: labels from the local log, taught beside judging.

It is `weir learner` less Kafka, Redis and Faust: the same batches, handled by the same parts, under
the same claim, published onto the same topic, from which the judge in this process follows as any
worker's does. Nothing that befalls it stops mail: it begins again, from its snapshots and the log.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from features.envelope import LogPosition
from streams import topics
from streams.agents.labels import LabelArrival
from streams.learning.claim import SupersededError
from streams.learning.metrics import LearnerMetrics
from streams.learning.opening import LearnerStore, Parts, Session, open_session
from streams.own_name import own_name
from streams.reader import open_reader
from streams.settings import Settings, SettingsError
from streams.stores.told import Told

__all__ = ["Learning", "LearningFigures", "learning", "make_folder"]

_WAIT_MS: Final = 500
_TICK: Final = 1.0  # seconds between looks at the claim
_STOPPING: Final = 0.5  # of the process's time to stop: the state must be saved behind it
_AGAIN: Final = (1.0, 5.0, 30.0, 60.0)  # seconds before it begins again, the last one ever after

log = structlog.get_logger(__name__)


class Learning:
    """Learns from labels until it is stopped.

    `metrics` are a learner's (docs/metrics.md), other ones each time that it begins again.
    Construction reads keys, policy and weights, and raises KeysError, PolicyError, OSError,
    WeightsError or SettingsError for what it can't use. `store` is this process's own.
    """

    def __init__(self, settings: Settings, store: LearnerStore) -> None:
        make_folder(settings)
        self._settings = settings
        self._parts = Parts(settings, LearnerMetrics())
        self._spent = False
        self._store = store
        self._place = TopicPartition(topics.name(settings, "labels"), 0)
        self._name = own_name()
        self._stopped = asyncio.Event()
        self._settled = asyncio.Event()
        self._session: Session | None = None

    @property
    def metrics(self) -> LearnerMetrics:
        """What it counts and times."""
        return self._parts.metrics

    @property
    def is_ready(self) -> bool:
        """Whether its models are found again, and labels are read."""
        return self._session is not None

    async def counted(self, seconds: float) -> None:
        """Return when all labels that were handled are counted, or it has failed to, in so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()

    def stop(self) -> None:
        """Have it finish the batch in hand, publish what was learned, and return."""
        self._stopped.set()

    async def run(self) -> None:
        """Learn until `stop`, or until another learner takes over; never raises."""
        failures = 0
        with ThreadPoolExecutor(1, "learn") as executor:
            while not self._stopped.is_set():
                began = asyncio.get_running_loop().time()
                try:
                    await self._learn(executor)
                except SupersededError as error:
                    log.error("superseded", reason=str(error))  # noqa: TRY400 - no defect
                    return
                except Exception as error:
                    log.exception("learner_failed", error=f"{type(error).__name__}: {error}"[:300])
                    lasted = asyncio.get_running_loop().time() - began
                    failures = 0 if lasted > _AGAIN[-1] else failures
                    await self._pause(_AGAIN[min(failures, len(_AGAIN) - 1)])
                    failures += 1
                finally:
                    self._session = None
                    self._spent = True
                    self._settled.set()

    async def _learn(self, executor: Executor) -> None:
        if self._spent:  # a registry takes a metric once
            self._parts = Parts(self._settings, LearnerMetrics())
        partitions = await topics.check(self._settings)
        with closing(Told(self._settings)) as told:
            async with (
                open_session(self._parts, self._store, partitions, self._name, executor) as session,
                open_reader(self._settings) as reader,
            ):
                await self._begin(session, told, reader)
                self._session = session
                self._settled.set()
                log.info(
                    "learner_starts",
                    learner=self._name,
                    fence=session.fence.number,
                    sequence=session.lineage.sequence,
                )
                await self._serve(session, told, reader)
                await session.close()
                log.info("learner_stopped", sequence=session.lineage.sequence)

    async def _begin(self, session: Session, told: Told, reader: Any) -> None:
        """Go behind the last label that is handled, with all up to it counted.

        The state is saved now and then, and may be older than that.
        """
        place = self._place
        done = max(session.handled, told.acknowledged(place.topic, session.labels_epoch))
        first = (await reader.beginning_offsets([place]))[place]
        end = (await reader.end_offsets([place]))[place]
        await session.recounting.wait_for(min(done, end - 1))
        reader.assign([place])
        reader.seek(place, min(max(first, done + 1), end))

    async def _serve(self, session: Session, told: Told, reader: Any) -> None:
        """Handle batch after batch, publish in time, and look whether another has taken over."""
        loop = asyncio.get_running_loop()
        looked = watched = loop.time()
        most, pause = self._settings.learner.batch_labels, self._settings.learner.publish_seconds
        while not self._stopped.is_set():
            found = await reader.getmany(self._place, timeout_ms=_WAIT_MS, max_records=most)
            await self._handle(session, told, found.get(self._place, ()))
            if session.publishing.full:
                await session.publishing.look()
            if loop.time() - watched >= _TICK:
                watched = loop.time()
                await session.fence.watch()
            if loop.time() - looked >= pause:
                looked = loop.time()
                await session.look()

    async def _handle(self, session: Session, told: Told, records: Sequence[Any]) -> None:
        if not records:
            return
        epoch = session.labels_epoch
        await session.handling.process([_arrival(record, epoch) for record in records])
        told.acknowledge(self._place.topic, epoch, records[-1].offset)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()


class LearningFigures(Collector):
    """A learner's metrics for another registry, less those that the worker beside it has too."""

    def __init__(self, learner: Callable[[], Learning | None], worker: CollectorRegistry) -> None:
        self._learner = learner
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        """Yield what the learner that is at work counts and times."""
        learner = self._learner()
        if learner is not None:
            others = {family.name for family in self._worker.collect()}
            found = learner.metrics.registry.collect()
            yield from (family for family in found if family.name not in others)


@asynccontextmanager
async def learning(settings: Settings, store: LearnerStore) -> AsyncIterator[Learning]:
    """Learn beside whatever the block does, and finish in order when it ends.

    After a crash, judge nothing before Learning.counted has returned: what was said since the state
    was saved is counted again first. Raises as Learning does.
    """
    learner = Learning(settings, store)
    running = asyncio.create_task(learner.run(), name="weir-learning")
    try:
        yield learner
    finally:
        learner.stop()
        try:
            async with asyncio.timeout(_STOPPING * settings.worker.stop_seconds):
                await running
        except TimeoutError:  # what isn't handled is in the log
            log.warning("learner_cut_short")


def _arrival(record: Any, epoch: str) -> LabelArrival:
    return LabelArrival(
        LogPosition(epoch, record.partition, record.offset),
        record.timestamp / 1000,
        record.key,
        record.value or b"",
        [(name, value) for name, value in record.headers if value is not None],
    )


def make_folder(settings: Settings) -> None:
    """Make the folder of snapshots, which a core looks for when it opens; raises SettingsError.

    The installation's own is made first, for nobody else to read.
    """
    snapshots, said = settings.models.snapshots, f"embedded.folder = {settings.embedded.folder!r}"
    try:
        Path(settings.embedded.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        said = f"models.snapshots = {snapshots!r}"
        Path(snapshots).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{said}: {error.strerror}; allowed: a folder that the hook may write"
        ) from None
