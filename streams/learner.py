"""The learner: the one process that learns from labels and writes `mail.models`."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import structlog
import uvloop
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from detectors.policy import PolicyError
from detectors.weights import WeightsError
from models.manifest import ArtifactError
from streams import heap, topics
from streams.agents import labels
from streams.app import App, build_app
from streams.delivery import DeliveryError
from streams.health import HealthServer
from streams.learning.claim import SupersededError
from streams.learning.metrics import LearnerMetrics
from streams.learning.opening import Parts, Session, open_session
from streams.logs import set_up_logs
from streams.progress import Progress
from streams.settings import KeysError, Settings, SettingsError, load
from streams.stores.protocol import StoreError
from streams.stores.redis_store import RedisStore
from streams.topics import TopicError
from streams.watchdog import Watchdog

__all__ = ["Exit", "Learner", "main", "run"]

_TICK = 1.0  # seconds between looks at claim, crash and stop
_LAG_TICKS = 3
_STORE_TRIES = 5

log = structlog.get_logger(__name__)


class Exit(IntEnum):
    """Exit codes of a learner."""

    OK = 0
    FAILED = 1
    SETTINGS = 2
    UNREACHABLE = 4
    SUPERSEDED = 69  # EX_UNAVAILABLE: another one has taken over; don't start it again
    STALLED = 75  # EX_TEMPFAIL: a new start is all it needs


class Learner:
    """Everything a learner is made of, put together once.

    Construction reads keys, policy and weights, and raises KeysError, PolicyError, OSError,
    WeightsError or SettingsError for what it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        _check_folder(settings.models.snapshots)
        self._settings = settings
        self._metrics = LearnerMetrics()
        self._parts = Parts(settings, self._metrics)
        self._store = RedisStore(settings)
        self._progress = Progress(self._metrics)
        self._app: App = build_app(_own_group(settings), on_revoke=self._progress.revoked)
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._session: Session | None = None
        self._turn = asyncio.Lock()  # learning and publishing never run beside each other
        self._stop = asyncio.Event()

    async def run(self) -> Exit:
        """Work until SIGTERM or SIGINT, or until it fails; return the exit code.

        Raises StoreError, TopicError or ArtifactError if Redis, Kafka or the folder of snapshots
        can't be used at the start.
        """
        settings, health = self._settings, None
        with ThreadPoolExecutor(1, "learn") as executor, self._signals():
            try:
                await self._reach_store()
                partitions = await topics.check(settings)
                if settings.http.bind:
                    health = HealthServer(settings.http.bind, self._metrics, self._ready)
                    await health.start()
                    log.info("http_listens", port=health.port)
                async with open_session(
                    self._parts, self._store, partitions, self._name, executor
                ) as session:
                    self._session = session
                    self._install(session)
                    return await self._serve(session)
            except SupersededError as error:
                log.error("superseded", reason=str(error))  # noqa: TRY400 - no defect of ours
                return Exit.SUPERSEDED
            finally:
                if health is not None:
                    await health.stop()
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
            died=_died,
        )

    async def _serve(self, session: Session) -> Exit:
        heap.settle()
        started = asyncio.create_task(self._app.start(), name="weir-app")
        log.info(
            "learner_starts",
            learner=self._name,
            fence=session.fence.number,
            sequence=session.lineage.sequence,
        )
        code = await self._watch(session, started)
        if code is not Exit.OK:
            _leave(code)  # a stop would wait for acks that don't come; what isn't acked comes again
        with contextlib.suppress(Exception):  # a broker that is away can't be told goodbye
            await self._app.stop()
        started.cancel()
        async with self._turn:
            await session.close()
        log.info("learner_stopped", acked=self._progress.acked, sequence=session.lineage.sequence)
        return code

    async def _watch(self, session: Session, started: "asyncio.Task[bool | None]") -> Exit:
        """Publish in time, and look at everything that may end the learner."""
        watchdog = Watchdog(self._settings.worker.stall_seconds)
        looked, ticks = time.monotonic(), 0
        while not await self._stopped_within(_TICK):
            ticks += 1
            failure = self._app.crash_reason or (
                started.exception() if started.done() and not started.cancelled() else None
            )
            try:
                async with self._turn:
                    await session.fence.watch()
                    if time.monotonic() - looked >= self._settings.learner.publish_seconds:
                        looked = time.monotonic()
                        await session.look()
            except SupersededError as error:
                log.error("superseded", reason=str(error))  # noqa: TRY400 - no defect of ours
                return Exit.SUPERSEDED
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

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    async def _reach_store(self) -> None:
        for attempt in range(_STORE_TRIES):
            try:
                await self._store.ping()
            except StoreError as error:
                if attempt == _STORE_TRIES - 1:
                    raise StoreError(
                        f"{error}; a learner needs Redis to start: check redis.url, or redis.host "
                        "and redis.port"
                    ) from None
                await asyncio.sleep(self._settings.redis.breaker_seconds / 2)
            else:
                return

    def _ready(self) -> dict[str, bool]:
        return {
            "running": not self._stop.is_set(),
            "models": self._session is not None,
            "partitions": self._assigned(),
        }

    def _assigned(self) -> bool:
        with contextlib.suppress(Exception):  # Faust raises until its consumer has started
            return bool(self._app.consumer.assignment()) and not self._app.rebalancing
        return False

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def _asked_to_stop(self, number: int) -> None:
        if self._stop.is_set():
            return
        log.info("learner_stops", signal=signal.Signals(number).name)
        self._stop.set()
        # With the broker gone Faust may hang in its goodbyes; nothing is lost by leaving then.
        timer = threading.Timer(self._settings.worker.stop_seconds, _leave, (Exit.FAILED,))
        timer.daemon = True
        timer.start()


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
    set_up_logs(settings.log)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # Faust's threads make loops of it
    code = asyncio.run(_work(settings))
    logging.shutdown()
    return int(code)


async def _work(settings: Settings) -> Exit:
    return await Learner(settings).run()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `python -m streams.learner --config FILE`, and exit with its code."""
    parser = argparse.ArgumentParser(prog="streams.learner", description=__doc__)
    parser.add_argument("--config", type=Path, help="weir.toml; else WEIR_CONFIG, ./weir.toml")
    given = parser.parse_args(arguments)
    try:
        code = run(load(given.config, os.environ))
    except (SettingsError, KeysError, ArtifactError, PolicyError, WeightsError) as error:
        _refuse(str(error), Exit.SETTINGS)
    except (StoreError, TopicError) as error:
        _refuse(str(error), Exit.UNREACHABLE)
    except OSError as error:
        _refuse(f"{error.filename or ''}: {error.strerror or error}", Exit.SETTINGS)
    sys.exit(code)


def _refuse(line: str, code: Exit) -> NoReturn:
    sys.stderr.write(f"weir: {line}\n")
    sys.exit(int(code))


def _died(error: BaseException) -> None:
    """End the process at once: an orderly stop would wait for acks that can't come any more."""
    if isinstance(error, SupersededError):
        log.error("superseded", reason=str(error))
        _leave(Exit.SUPERSEDED)
    log.critical("batches_died", error=f"{type(error).__name__}: {error}")
    _leave(Exit.FAILED)


def _leave(code: Exit) -> NoReturn:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(int(code))


if __name__ == "__main__":
    main()
