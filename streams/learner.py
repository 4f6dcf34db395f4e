"""The learner: the one process that learns from labels and writes `mail.models`."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import structlog
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from models.manifest import ArtifactError
from streams import process, topics
from streams.agents import labels
from streams.app import App, build_app
from streams.delivery import DeliveryError
from streams.learning.claim import SupersededError
from streams.learning.metrics import LearnerMetrics
from streams.learning.opening import Parts, Session, open_session
from streams.own_name import own_name
from streams.process import Exit, Process
from streams.progress import Progress
from streams.settings import Settings, SettingsError
from streams.stores.protocol import StoreError
from streams.stores.redis_store import RedisStore
from streams.watchdog import Watchdog

__all__ = ["Learner", "main", "run"]

_TICK = 1.0  # seconds between looks at claim, crash and stop
_LAG_TICKS = 3

log = structlog.get_logger(__name__)


class Learner:
    """Everything a learner is made of, put together once.

    Construction reads keys, policy and weights, and raises KeysError, PolicyError, OSError,
    WeightsError or SettingsError for what it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.embedded.folder:
            raise SettingsError(
                f"embedded.folder = {settings.embedded.folder!r}: `weir hook --embedded` learns "
                "itself; allowed: empty, for a learner on Kafka and Redis"
            )
        _check_folder(settings.models.snapshots)
        self._settings = settings
        self._process = Process("learner", settings, log)
        self._metrics = LearnerMetrics()
        self._parts = Parts(settings, self._metrics)
        self._store = RedisStore(settings)
        self._progress = Progress(self._metrics)
        self._app: App = build_app(_own_group(settings), on_revoke=self._progress.revoked)
        self._name = own_name()
        self._session: Session | None = None
        self._turn = asyncio.Lock()  # learning and publishing never run beside each other

    async def run(self) -> Exit:
        """Work until SIGTERM or SIGINT, or until it fails; return the exit code.

        Raises StoreError, TopicError or ArtifactError if Redis, Kafka or the folder of snapshots
        can't be used at the start.
        """
        with ThreadPoolExecutor(1, "learn") as executor, self._process.signals():
            try:
                await self._process.reach_store(self._store.ping)
                partitions = await topics.check(self._settings)
                async with (
                    self._process.listening(self._metrics, self._ready),
                    open_session(
                        self._parts, self._store, partitions, self._name, executor
                    ) as session,
                ):
                    self._session = session
                    self._install(session)
                    return await self._serve(session)
            except SupersededError as error:
                return _superseded(error)
            finally:
                await self._store.close()

    def _install(self, session: Session) -> None:
        async def process(arrivals: Sequence[labels.LabelArrival]) -> None:
            async with self._turn:
                await session.handling.process(arrivals)
                if session.publishing.full:
                    await session.publishing.look()

        labels.install(
            self._app,
            topics.name(self._settings, "labels"),
            replace(self._settings.worker, batch_messages=self._settings.learner.batch_labels),
            process,
            epoch=session.labels_epoch,
            acked=self._progress.acknowledged,
            died=self._died,
        )

    async def _serve(self, session: Session) -> Exit:
        log.info(
            "learner_starts",
            learner=self._name,
            fence=session.fence.number,
            sequence=session.lineage.sequence,
        )
        code = await self._process.serve(self._app, lambda started: self._watch(session, started))
        async with self._turn:
            await session.close()
        log.info("learner_stopped", acked=self._progress.acked, sequence=session.lineage.sequence)
        return code

    async def _watch(self, session: Session, started: "asyncio.Task[bool | None]") -> Exit:
        """Publish in time, and look at everything that may end the learner."""
        watchdog = Watchdog(self._settings.worker.stall_seconds)
        looked, ticks = time.monotonic(), 0
        while not await self._process.stopped_within(_TICK):
            ticks += 1
            failure = process.failure_of(self._app, started)
            try:
                async with self._turn:
                    await session.fence.watch()
                    if time.monotonic() - looked >= self._settings.learner.publish_seconds:
                        looked = time.monotonic()
                        await session.look()
            except SupersededError as error:
                return _superseded(error)
            except (KafkaError, DeliveryError, ArtifactError, OSError) as error:
                log.error("not_published", error=f"{type(error).__name__}: {error}")  # noqa: TRY400 - what it says is enough
                return Exit.FAILED
            if failure is not None:
                log.error("learner_crashed", error=f"{type(failure).__name__}: {failure}")
                return Exit.FAILED
            if ticks % _LAG_TICKS == 0 and await self._stalled(watchdog):
                return Exit.STALLED
        return Exit.OK

    async def _stalled(self, watchdog: Watchdog) -> bool:
        waiting = await self._progress.waiting(self._app.consumer)
        if waiting is None or not await self._store_answers():
            return False  # it waits for Kafka or Redis: a new start wouldn't help
        if not watchdog.stalled(waiting=waiting, acked=self._progress.acked, now=time.monotonic()):
            return False
        log.error("learner_stalled", waiting=waiting, acked=self._progress.acked)
        return True

    async def _store_answers(self) -> bool:
        try:
            await self._store.ping()
        except StoreError:
            return False
        return True

    def _ready(self) -> dict[str, bool]:
        return {
            "running": self._process.is_running,
            "models": self._session is not None,
            "partitions": process.is_assigned(self._app),
        }

    def _died(self, error: BaseException) -> None:
        if isinstance(error, SupersededError):
            process.leave(_superseded(error))
        self._process.died(error)


def _superseded(error: SupersededError) -> Exit:
    log.error("superseded", reason=str(error))
    return Exit.SUPERSEDED


def _check_folder(snapshots: str) -> None:
    """Make the folder of snapshots, or raise SettingsError: without one all learned is lost."""
    said = f"models.snapshots = {snapshots!r}"
    allowed = "allowed: a folder that the learner may write, the same that workers read"
    if not snapshots:
        raise SettingsError(f"{said}; {allowed}")
    try:
        Path(snapshots).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{said}: {error.strerror}; {allowed}") from error
    if not os.access(snapshots, os.W_OK | os.X_OK):
        raise SettingsError(f"{said}: it can't be written; {allowed}")


def _own_group(settings: Settings) -> Settings:
    """Return the settings under the learner's own consumer group.

    Membership is static: a learner that starts again after a kill needn't wait until the group
    has given up its former self, and a second one takes the partition over at once.
    """
    group = settings.kafka.learner_group
    return replace(settings, kafka=replace(settings.kafka, group=group, group_instance_id=group))


def run(settings: Settings) -> int:
    """Run a learner until it ends; return its exit code.

    Raises SettingsError, KeysError, PolicyError, WeightsError, ArtifactError, StoreError or
    TopicError, one line each (a policy: a line a mistake), for what it can't start with.
    """

    async def work() -> Exit:
        """Make it inside the loop that it runs in."""
        return await Learner(settings).run()

    return process.run(settings, work)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `python -m streams.learner --config FILE`, and exit with its code."""
    process.main("streams.learner", __doc__, run, arguments)


if __name__ == "__main__":
    main()
