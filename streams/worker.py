"""The worker: one process that judges the partitions it is given, from settings to exit code."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import structlog
from faust.types import TP

from detectors.policy import PolicySet
from models.label import Label
from streams import process, topics
from streams.agents import messages
from streams.app import App, build_app
from streams.cases import Case
from streams.delivery import Delivery
from streams.following.running import following
from streams.forgetting import Forgetting
from streams.implicit_labels import implicit_labels
from streams.in_force import InForce, Wrap
from streams.log_watch import LogWatch, read_epoch
from streams.metrics import Metrics, StageClock
from streams.opening import open_core
from streams.own_name import own_name
from streams.pipeline import Pipeline, Places
from streams.policies import PolicyWatch, keep, read_policy_of
from streams.process import Exit, Process
from streams.progress import Progress
from streams.sandbox.watched import open_sandbox
from streams.settings import Settings
from streams.stores.breaker import Breaker, GuardedStore
from streams.stores.protocol import StoreError
from streams.stores.redis_store import RedisStore, open_redis
from streams.watchdog import Watchdog
from streams.wire import Record

__all__ = ["Worker", "main", "run"]

_TICK = 1.0  # seconds between looks at policy, crash and stop
_LAG_TICKS = 3  # lag is asked of the broker every so many ticks
_SWITCH_SECONDS = 0.000_5  # a tenth of the default

log = structlog.get_logger(__name__)


class Worker:
    """Everything a worker is made of, put together once.

    Construction reads keys, policy, weights and classifier, and raises KeysError, PolicyError,
    OSError, WeightsError, ArtifactError or SettingsError for what it can't use. `wrap` may put
    something around the core: the tests' fault injection does.
    """

    def __init__(self, settings: Settings, wrap: Wrap = lambda judge: judge) -> None:
        self._settings = settings
        self._process = Process("worker", settings, log)
        self._metrics = Metrics()
        self._clock = StageClock(self._metrics)
        self._policies, self._source = read_policy_of(settings.policy)
        judge = open_core(settings, self._policies, self._clock)
        self._in_force = InForce(judge, self._clock, wrap)
        self._breaker = Breaker(settings.redis.breaker_failures, settings.redis.breaker_seconds)
        self._metrics.observe_breaker(lambda: self._breaker.state)
        self._store = GuardedStore(
            RedisStore(settings, open_redis(settings, guarded=True)),
            self._breaker,
            settings.redis.timeout_seconds,
            self._metrics.store_failed,
        )
        self._sandbox = open_sandbox(settings, self._metrics)
        self._progress = Progress(self._metrics)
        self._forgetting = Forgetting(settings.worker.forget_seconds)
        self._app: App = build_app(settings, self._committed, self._revoked)
        self._log = LogWatch(settings, self._store, self._app)
        self._name = settings.kafka.group_instance_id or own_name()
        self._store_seen = False

    async def run(self) -> Exit:
        """Work until SIGTERM or SIGINT, or until it fails; return the exit code.

        Raises StoreError or TopicError if Redis or Kafka can't be used at the start.
        """
        settings = self._settings
        with ThreadPoolExecutor(1, "judge") as executor, self._process.signals():
            try:
                await self._process.reach_store(self._store.ping)
                self._store_seen = True
                partitions = await topics.check(settings)
                epoch = await self._log.start(partitions)
                await keep(self._policies, self._source, settings.policy, self._store)
                self._install(executor, partitions, epoch)
                async with self._process.listening(self._metrics, self._ready):
                    models = await read_epoch(settings, self._store, "models")
                    registry = self._metrics.registry
                    async with following(settings, self._in_force, executor, registry, models):
                        return await self._serve()
            finally:
                self._sandbox.close()
                await self._store.close()

    def _install(
        self, executor: ThreadPoolExecutor, partitions: Mapping[str, int], epoch: str
    ) -> None:
        settings = self._settings
        places = Places(
            messages=topics.name(settings, "messages"),
            verdicts=topics.name(settings, "verdicts"),
            replies=topics.name(settings, "replies"),
            deadletter=topics.name(settings, "deadletter"),
            reply_partitions=self._reply_partitions(partitions),
            labels=topics.name(settings, "labels"),
        )
        deliver = Delivery(
            self._send, settings.worker.deliver_seconds, on_resend=self._metrics.resent.inc
        )
        pipeline = Pipeline(
            lambda: self._in_force.judging,
            self._store,
            deliver,
            places,
            self._metrics,
            executor=executor,
            worker=self._name,
            recorded=self._forgetting.recorded,
            labels=self._labels,
            sandbox=self._sandbox,
        )
        messages.install(
            self._app,
            places.messages,
            settings.worker,
            pipeline.process,
            epoch=epoch,
            acked=self._progress.acknowledged,
            died=self._process.died,
        )

    async def _serve(self) -> Exit:
        log.info("worker_starts", worker=self._name, policy=self._policies.digest)
        code = await self._process.serve(self._app, self._watch)
        log.info("worker_stopped", acked=self._progress.acked)
        return code

    async def _watch(self, started: "asyncio.Task[bool | None]") -> Exit:
        """Look at everything that changes between batches, until something ends the worker."""
        watchdog = Watchdog(self._settings.worker.stall_seconds)
        policies = PolicyWatch(self._settings.policy, self._store, self._metrics, self._policies)
        looked, ticks = time.monotonic(), 0
        while not await self._process.stopped_within(_TICK):
            ticks += 1
            failure = process.failure_of(self._app, started)
            if failure is not None:
                log.error("worker_crashed", error=f"{type(failure).__name__}: {failure}")
                return Exit.FAILED
            now = time.monotonic()
            if now - looked >= self._settings.policy.reload_seconds:
                looked = now
                changed = await policies.look()
                if changed is not None:
                    self._take_policies(changed)
            with contextlib.suppress(StoreError):  # what isn't deleted expires
                await self._store.forget(self._forgetting.due(now))
                if ticks % _LAG_TICKS == 1:
                    self._metrics.increments_lost.set(await self._store.lost())
            if await self._log.given_another():
                return Exit.UNREACHABLE
            if ticks % _LAG_TICKS == 0 and await self._stalled(watchdog):
                return Exit.STALLED
        return Exit.OK

    def _take_policies(self, policies: PolicySet) -> None:
        self._in_force.change(lambda judge: judge.with_policies(policies))

    def _labels(self, case: Case) -> tuple[Label, ...]:
        return implicit_labels(case, self._in_force.judge.terms_of(case.arrival.incoming).policy)

    async def _stalled(self, watchdog: Watchdog) -> bool:
        waiting = await self._progress.waiting(self._app.consumer)
        if waiting is None or not watchdog.stalled(
            waiting=waiting, acked=self._progress.acked, now=time.monotonic()
        ):
            return False
        log.error(
            "worker_stalled",
            waiting=waiting,
            seconds=self._settings.worker.stall_seconds,
            acked=self._progress.acked,
        )
        return True

    async def _send(self, record: Record) -> Awaitable[object]:
        return await self._app.producer.send(
            record.topic, record.key, record.value, record.partition, None, record.headers
        )

    def _reply_partitions(self, partitions: Mapping[str, int]) -> Callable[[], int]:
        topic = topics.name(self._settings, "replies")

        def count() -> int:
            """Return what the producer's metadata says, which follows a topic that grows."""
            producer = getattr(self._app.producer, "_producer", None)
            known = producer.client.cluster.partitions_for_topic(topic) if producer else None
            return len(known or ()) or partitions[topic]

        return count

    def _committed(self, offsets: Mapping[TP, int]) -> None:
        now = time.monotonic()
        for tp, offset in offsets.items():
            self._forgetting.committed(tp.partition, offset, now)

    def _revoked(self, partitions: Iterable[TP]) -> None:
        self._progress.revoked(partitions)
        for tp in partitions:
            self._forgetting.lost(tp.partition)

    def _ready(self) -> dict[str, bool]:
        return {
            "running": self._process.is_running,
            "partitions": process.is_assigned(self._app),
            "models": self._in_force.judge.classifier is not None,
            "store": self._store_seen,
        }


def run(settings: Settings, wrap: Wrap = lambda judge: judge) -> int:
    """Run a worker until it ends; return its exit code.

    Raises SettingsError, KeysError, PolicyError, WeightsError, ArtifactError, StoreError or
    TopicError, one line each (a policy: a line a mistake), for what it can't start with.
    """
    # The judging thread gives the interpreter up only this often, and the loop waits for it.
    sys.setswitchinterval(_SWITCH_SECONDS)

    async def work() -> Exit:
        """Make it inside the loop that it runs in."""
        return await Worker(settings, wrap).run()

    return process.run(settings, work)


def main(arguments: Sequence[str] | None = None, wrap: Wrap = lambda judge: judge) -> NoReturn:
    """Run `python -m streams.worker --config FILE`, and exit with its code."""
    process.main("streams.worker", __doc__, lambda settings: run(settings, wrap), arguments)


if __name__ == "__main__":
    main()
