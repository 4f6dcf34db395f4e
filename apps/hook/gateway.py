"""A verdict over Kafka, whatever fails behind it: the workers' in time, else one of our own.

A message goes to the mail log with a request; a worker's verdict comes back on this process's
partition of the replies. What isn't answered by the deadline, or can't be asked, is judged here
(apps/hook/fallback.py), enforced as far as that may be, and published as `kind: fallback`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import msgspec
import structlog

from apps.hook.ahead import Ahead
from apps.hook.asking import Asking, NotAnswered
from apps.hook.deciding import BUDGET
from apps.hook.fallback import Fallback, Work, enforced
from apps.hook.kept_current import follow_models, follow_policy, watch_policy
from apps.hook.late import LateVerdicts, delivery_of
from apps.hook.link import Arrived, Line, Link
from apps.hook.metrics import HookMetrics
from apps.hook.replies import Replies
from apps.hook.spool import Spool
from apps.hook.tempfail import TempfailBudget
from detectors.policy import PolicySet
from detectors.record import decode, encode
from detectors.verdict import Verdict
from features.envelope import Envelope, Incoming
from streams.in_force import Wrap
from streams.own_name import own_name
from streams.settings import Settings
from streams.topics import name
from streams.wire import read_head, verdict_record

__all__ = ["Gateway"]

_SOURCE: Final = "/weir/hook"
_GOODBYE: Final = 2.0  # seconds for verdicts that aren't published yet

log = structlog.get_logger(__name__)


class Gateway:
    """Decides over Kafka (apps.hook.deciding.Decide); used as an async context manager.

    Entering it waits for nothing: until the brokers are there, the fallback answers. Construction
    reads keys, policy, weights and models, and raises KeysError, PolicyError, OSError,
    WeightsError or ArtifactError for what it can't use. `wrap` may put something around the core
    of the fallback: the tests' fault injection does. `line` opens the way to whoever judges; it is
    told what to do with replies.
    """

    def __init__(
        self,
        settings: Settings,
        wrap: Wrap = lambda judge: judge,
        line: Callable[[Settings, Arrived], Line] = Link,
    ) -> None:
        self.metrics = HookMetrics()
        self._settings = settings
        self._fallback = Fallback(settings, self.metrics, wrap)
        self._watch = watch_policy(settings, self._fallback, self.metrics)
        self._late = LateVerdicts()
        replies = Replies(self._late, self.metrics)
        self._link = line(settings, replies.arrived)
        self._asking = Asking(settings, self._link, replies, self.metrics)
        self._spool = Spool(self._link, self.metrics)
        self._tempfail = TempfailBudget(settings.hook.tempfail_percent)
        self._verdicts = name(settings, "verdicts")
        self._name = own_name()
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics.late.set_function(lambda: len(self._late))
        sources = ("worker", "late", "fallback")
        self._given = {source: self.metrics.verdicts.labels(source) for source in sources}
        self._seconds = {source: self.metrics.seconds.labels(source) for source in sources}

    @property
    def ready(self) -> Mapping[str, bool]:
        """What readiness rests on: until all of it is true the fallback answers."""
        return {"replies": self._link.is_open, "models": self._fallback.is_warm}

    @property
    def policies(self) -> PolicySet:
        """The policies in force, which follow their file."""
        return self._fallback.in_force.judge.policies

    async def __aenter__(self) -> Self:
        """Begin to reach the brokers, and to follow models and policy."""
        for work in (
            self._link.run(),
            self._spool.run(),
            self._fallback.warm(),
            follow_models(self._settings, self._fallback, self.metrics),
            follow_policy(self._watch, self._fallback, self._settings.policy.reload_seconds),
        ):
            task = asyncio.create_task(work)
            task.add_done_callback(_tell)
            self._tasks.append(task)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Publish what waits, within 2 s, and let go of everything."""
        if self._link.is_reached:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._spool.emptied()
        if self._spool.waiting:
            log.warning("verdicts_not_published", count=self._spool.waiting)
        await self._asking.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fallback.close()

    async def __call__(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict:
        """Return a verdict by `deadline` (the loop's clock): the fallback has the last 50 ms of it.

        `id` is that of an earlier attempt where its verdict came too late and waited for this one.
        """
        started = time.perf_counter()
        self._tempfail.saw()
        verdict, source = self._retried(envelope, raw), "late"
        if verdict is None:
            with Ahead(self._fallback, Incoming(envelope, raw), deadline) as ahead:
                found = await self._ask(envelope, raw, deadline - BUDGET)
                if isinstance(found, NotAnswered):
                    self.metrics.fallbacks.labels(found.reason).inc()
                    incoming = Incoming(envelope, raw, found.position, (), found.delivery_key)
                    verdict = await self._decide(incoming, deadline, ahead.take())
                    source = "fallback"
                else:
                    verdict, source = found, "worker"
        self._given[source].inc()
        self._seconds[source].observe(time.perf_counter() - started)
        return verdict

    def _retried(self, envelope: Envelope, raw: bytes) -> Verdict | None:
        if not self._late:
            return None
        value = self._late.take(delivery_of(envelope, raw))
        try:
            return None if value is None else decode(value)
        except (msgspec.MsgspecError, ValueError):  # as if there were none: it is judged anew
            return None

    async def _ask(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict | NotAnswered:
        try:
            return await self._asking.ask(envelope, raw, deadline)
        except Exception as error:  # a defect of ours costs the workers' verdict, not the mail
            log.exception("request_failed", error=type(error).__name__)
            return NotAnswered("refused")

    async def _decide(self, incoming: Incoming, deadline: float, begun: Work | None) -> Verdict:
        """Judge here, and have published what is enforced."""
        started = time.perf_counter()
        verdict = enforced(await self._fallback.judge(incoming, deadline, begun), self._may_defer)
        value = encode(verdict)
        record = verdict_record(
            self._verdicts,
            read_head(value),
            value,
            judged_at=datetime.now(UTC),
            timings={"fallback": (time.perf_counter() - started) * 1000},
            worker=self._name,
            source=_SOURCE,
        )
        self._spool.put(record)
        return verdict

    def _may_defer(self) -> bool:
        allowed = self._tempfail.take()
        self.metrics.tempfails.labels("given" if allowed else "spared").inc()
        return allowed


def _tell(task: "asyncio.Task[None]") -> None:
    """Say of what runs beside that it has ended by a defect: nobody awaits it."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("part_of_the_hook_ended", error=f"{type(error).__name__}: {error}"[:300])
