"""A hook that needs neither Kafka nor Redis: a worker's pipeline and the learner in its process.

Deadline, bounds, breaker, late verdicts and the fallback are the gateway's own; only the line to
whoever judges is another. What a worker keeps in Redis is in this process's memory and, now and
then, in a file; what Kafka keeps is in the local log beside it.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

import structlog
from prometheus_client import CollectorRegistry

from apps.hook.embedded.holding import held
from apps.hook.embedded.learning import Learning, LearningFigures, learning, make_folder
from apps.hook.embedded.line import LocalLine
from apps.hook.embedded.mail import Mail
from apps.hook.gateway import Gateway
from apps.hook.link import Arrived
from apps.hook.metrics import HookMetrics
from detectors.policy import PolicySet
from detectors.verdict import Verdict
from features.envelope import Envelope
from models.label import Label
from streams import topics
from streams.cases import Case
from streams.following.running import following
from streams.forgetting import Forgetting
from streams.implicit_labels import implicit_labels
from streams.in_force import InForce, Wrap
from streams.local_log import administration as local
from streams.local_log.delivery import LocalDelivery
from streams.local_log.file import sync
from streams.local_log.producer import LocalProducer
from streams.local_log.upkeep import upkeep
from streams.marks import log_ends, refusal
from streams.metrics import Metrics, StageClock
from streams.opening import open_core
from streams.own_name import own_name
from streams.pipeline import Pipeline, Places
from streams.policies import PolicyWatch, keep, read_policy_of
from streams.sandbox.watched import open_sandbox
from streams.settings import Settings
from streams.stores.saving import Saving
from streams.stores.told_store import ToldStore
from streams.topics import TopicError

__all__ = ["Embedded"]

_TICK: Final = 1.0  # seconds between looks at policy and records
_PATIENCE: Final = 30.0  # seconds for the labels that a crash has forgotten

log = structlog.get_logger(__name__)


class Embedded:
    """Decides in this process (apps.hook.process.Decider); used as an async context manager.

    Construction reads keys, policy, weights and models, and raises what Gateway does and
    SettingsError. Entering it raises, in one line each, SettingsError where another hook has the
    folder, TopicError or StoreError where its log or state can't be used; it waits for no mail:
    until the log is caught up the fallback answers. `wrap` may put something around the core of
    the pipeline: the tests' fault injection does.
    """

    def __init__(self, settings: Settings, wrap: Wrap = lambda judge: judge) -> None:
        make_folder(settings)
        self._settings = settings
        self._worker = Metrics()
        self._gateway = Gateway(settings, line=self._open_line)
        # A registry may be another's collector: one address shows all of them.
        shown, worker = self._gateway.metrics.registry, self._worker.registry
        shown.register(worker)
        shown.register(LearningFigures(lambda: self._learning, worker))
        clock = StageClock(self._worker)
        self._policies, self._source = read_policy_of(settings.policy)
        self._in_force = InForce(open_core(settings, self._policies, clock), clock, wrap)
        self._forgetting = Forgetting(settings.worker.forget_seconds)
        self._executor = ThreadPoolExecutor(1, "judge")
        self._name = own_name()
        self._opened = contextlib.AsyncExitStack()
        self._saving: Saving | None = None
        self._mail: Mail | None = None
        self._learning: Learning | None = None

    @property
    def ready(self) -> Mapping[str, bool]:
        """What readiness rests on: until all of it is true the fallback answers."""
        return self._gateway.ready

    @property
    def policies(self) -> PolicySet:
        """The policies in force, which follow their file."""
        return self._in_force.judge.policies

    @property
    def metrics(self) -> HookMetrics:
        """What it counts, a worker's metrics among them."""
        return self._gateway.metrics

    async def __aenter__(self) -> Self:
        """Take the folder, open what it has, and begin to judge."""
        try:
            await self._open()
        except BaseException:
            await self._opened.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        """Finish what is in hand, learn from it, save the state, let go of the folder."""
        await self._opened.aclose()

    async def __call__(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict:
        """Return a verdict by `deadline` (the loop's clock), the fallback's within 50 ms after."""
        return await self._gateway(envelope, raw, deadline)

    def _open_line(self, settings: Settings, arrived: Arrived) -> LocalLine:
        self._line = LocalLine(settings, arrived, self._between, self._counted)
        return self._line

    async def _open(self) -> None:
        """Open everything, each to be closed behind what was opened after it."""
        settings, opened = self._settings, self._opened
        opened.callback(self._executor.shutdown, wait=False)
        opened.enter_context(held(settings.embedded.folder))
        await topics.create(settings, _no_epoch)
        partitions = await topics.check(settings)
        store = ToldStore(settings)
        opened.push_async_callback(self._close_store, store)
        epochs = await asyncio.to_thread(local.topics, settings.embedded.folder)
        for row in epochs.values():
            await store.set_epoch(row.name, row.epoch)
        await keep(self._policies, self._source, settings.policy, store)
        producer = LocalProducer(settings.embedded.folder)
        await producer.start()
        opened.push_async_callback(producer.stop)
        await self._install(store, producer, partitions)
        self._saving = Saving(
            store, settings.embedded.save_seconds, lambda: sync(settings.embedded.folder)
        )
        self._learning = await opened.enter_async_context(learning(settings, store))
        await opened.enter_async_context(self._gateway)
        models = epochs[topics.name(settings, "models")].epoch
        # The fallback's judge follows the same topic, and shows how far that is.
        await opened.enter_async_context(
            following(settings, self._in_force, self._executor, CollectorRegistry(), models)
        )
        kept = upkeep(
            settings.embedded.folder,
            bounded=[topics.name(settings, kind) for kind in ("messages", "deadletter")],
            most=settings.embedded.log_bytes,
        )
        for work in (kept, self._watch(store)):
            opened.push_async_callback(_ended, asyncio.create_task(work))

    async def _install(
        self, store: ToldStore, producer: LocalProducer, partitions: Mapping[str, int]
    ) -> None:
        settings = self._settings
        places = Places(
            messages=topics.name(settings, "messages"),
            verdicts=topics.name(settings, "verdicts"),
            replies=topics.name(settings, "replies"),
            deadletter=topics.name(settings, "deadletter"),
            reply_partitions=lambda: 1,
            labels=topics.name(settings, "labels"),
        )
        delivery = LocalDelivery(
            producer, places.replies, self._line.arrived, settings.worker.deliver_seconds
        )
        sandbox = open_sandbox(settings, self._worker)
        self._opened.callback(sandbox.close)
        pipeline = Pipeline(
            lambda: self._in_force.judging,
            store,
            delivery,
            places,
            self._worker,
            executor=self._executor,
            worker=self._name,
            recorded=self._forgetting.recorded,
            labels=self._labels,
            sandbox=sandbox,
        )
        epoch = await store.epoch(places.messages, "")
        marks = await store.marks(epoch)
        ends = await log_ends(settings, places.messages, partitions[places.messages])
        line = refusal(places.messages, {**dict.fromkeys(marks, 0), **ends}, marks)
        if line is not None:
            raise TopicError(line)
        self._mail = Mail(
            settings,
            epoch,
            {number: marks.get(number, -1) + 1 for number in ends},
            producer=producer,
            pipeline=pipeline,
            delivery=delivery,
            store=store,
            passed=lambda number, offset: self._forgetting.committed(
                number, offset, time.monotonic()
            ),
        )
        self._line.install(self._mail, producer)

    def _between(self) -> None:
        """Save the state if it is time: it is whole between two batches."""
        if self._saving is not None and self._saving.is_due:
            self._saving.begin()
            log.debug("state_saving", stalled_ms=round(self._saving.stalled * 1000, 1))

    async def _close_store(self, store: ToldStore) -> None:
        """Save the state, unless a batch was cut short or the disk is full.

        Then the log tells what came since: it is no failure of what was done.
        """
        if self._saving is not None:
            await self._saving.settled()
        if self._mail is not None and not self._mail.is_whole:
            log.warning("state_not_saved", error="a batch was cut short")
        else:
            try:
                sync(self._settings.embedded.folder)
                store.save()
            except OSError as error:
                log.error("state_not_saved", error=error.strerror)  # noqa: TRY400 - no defect
        store.abandon()
        await store.close()

    async def _counted(self) -> None:
        """Wait until labels are counted that the state has forgotten in a crash.

        Else the mail that came meanwhile would be judged as if nobody had said anything.
        """
        if self._learning is not None:
            await self._learning.counted(_PATIENCE)

    async def _watch(self, store: ToldStore) -> None:
        """Put a changed policy in force, and forget records that nobody asks for any more."""
        settings = self._settings
        watch = PolicyWatch(settings.policy, store, self._worker, self._policies)
        looked = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            await store.forget(self._forgetting.due(now))
            if now - looked >= settings.policy.reload_seconds:
                looked = now
                changed = await watch.look()
                if changed is not None:
                    self._put(changed)

    def _put(self, policies: PolicySet) -> None:
        self._in_force.change(lambda judge: judge.with_policies(policies))

    def _labels(self, case: Case) -> tuple[Label, ...]:
        return implicit_labels(case, self._in_force.judge.terms_of(case.arrival.incoming).policy)


async def _no_epoch(_topic: str, _epoch: str) -> None:
    """Do nothing: the log keeps the epochs of its topics."""


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
