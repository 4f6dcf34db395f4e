"""A batch of labels: found, counted, learned, published, and only then acknowledged."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from detectors.judging import Prepared
from features.envelope import Incoming
from models.command import Command
from models.snapshot import LabelPosition
from streams.agents.labels import LabelArrival
from streams.label_records import Refusal, read_record
from streams.labels.counting import Task
from streams.labels.ledger import Outcome
from streams.labels.message import SINCE, Found, Taken, Unfound, record_of, waits_since
from streams.labels.path import Passed, Paths
from streams.learning.claim import Fence
from streams.learning.lessons import Teacher
from streams.learning.lineage import Lineage
from streams.learning.metrics import LearnerMetrics
from streams.learning.publisher import Publisher
from streams.model_records import StepRecord
from streams.stores.protocol import StoreError
from streams.topics import TopicError
from streams.wire import Record, dead_letter

__all__ = ["Counter", "Finder", "Handling", "Places"]

_T = TypeVar("_T")

_PAUSE: Final = 0.25  # seconds that a batch of nothing but waiting labels waits
_AWAY: Final = 0.5  # seconds between tries where Kafka or Redis is away
_PATIENT: Final = frozenset({"unknown"})  # what may yet be found

log = structlog.get_logger(__name__)


class Finder(Protocol):
    """Finds the messages of labels (streams.labels.finding)."""

    async def find(self, batch: Sequence[Taken]) -> list[Found | Unfound]:
        """Return the message of each label, in order, or why it has none."""
        ...


class Counter(Protocol):
    """Counts labels (streams.labels.counting); waits for the store."""

    async def apply(self, batch: Sequence[Task]) -> list[Outcome]:
        """Count a batch in order; return what came of each label."""
        ...


class Preparer(Protocol):
    """The core, as far as learning needs it: what a message shows by itself."""

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Return what each message shows by itself, in order."""
        ...


class Places(NamedTuple):
    """Names of the topics that labels come from and go to."""

    labels: str
    deadletter: str


class _Case(NamedTuple):
    taken: Taken
    arrival: LabelArrival


class Handling:
    """Handles batches, one at a time; raises only what must end the learner.

    That is DeliveryError, SupersededError, KafkaError and ArtifactError: what isn't acknowledged
    comes again, and what was counted or learned of it isn't again.
    """

    def __init__(  # noqa: PLR0913 - what a label passes through, each by its name
        self,
        lineage: Lineage,
        teacher: Teacher,
        finder: Finder,
        counter: Counter,
        preparer: Preparer,
        publisher: Publisher,
        fence: Fence,
        metrics: LearnerMetrics,
        *,
        places: Places,
        executor: Executor,
        wait_seconds: float,
        execute: Callable[[Command], Awaitable[None]],
        settled: Callable[[Found, Outcome], None] = lambda _, __: None,
        paths: Paths | None = None,
    ) -> None:
        self._lineage = lineage
        self._teacher = teacher
        self._finder = finder
        self._counter = counter
        self._preparer = preparer
        self._publisher = publisher
        self._fence = fence
        self._metrics = metrics
        self._places = places
        self._executor = executor
        self._wait_seconds = wait_seconds
        self._execute = execute
        self._settled = settled
        self._paths = paths

    async def process(self, arrivals: Sequence[LabelArrival]) -> None:
        """Return when every record of the batch is handled."""
        run: list[_Case] = []
        for arrival in arrivals:
            appended = datetime.fromtimestamp(max(0.0, arrival.at), UTC)
            read = read_record(arrival.value, arrival.headers, appended)
            if isinstance(read, Refusal):
                await self._refuse_record(arrival, read)
            elif isinstance(read, Command):
                await self._labels(run)
                run = []
                if not self._is_handled(arrival):
                    await self._execute(read)
            else:
                self._metrics.labels.labels("received").inc()
                since = waits_since(arrival.headers, arrival.at)
                taken = Taken(read, arrival.position.offset, arrival.at, since)
                run.append(_Case(taken, arrival))
        await self._labels(run)
        if arrivals:
            last = arrivals[-1].position
            if not self._is_handled(arrivals[-1]):
                self._lineage.labels = LabelPosition(last.epoch, last.offset)

    async def _labels(self, cases: Sequence[_Case]) -> None:
        if not cases:
            return
        await self._tell([_passed(case, "received", str(case.taken.offset)) for case in cases])
        found = await self._patiently(lambda: self._finder.find([case.taken for case in cases]))
        ready: list[tuple[_Case, Found]] = []
        waiting = []
        for case, message in zip(cases, found, strict=True):
            if self._may_wait(case, message):
                waiting.append(case)
            elif isinstance(message, Unfound):
                await self._refuse(case, f"{message.reason}: {message.detail}")
            else:
                ready.append((case, message))
        if ready:
            await self._count_and_learn(ready)
        if waiting:
            await self._wait(waiting, alone=not ready)

    def _may_wait(self, case: _Case, found: Found | Unfound) -> bool:
        """Tell whether the message or its verdict may be about to come.

        A message that is counted already needs neither.
        """
        if isinstance(found, Unfound):
            pending = found.reason in _PATIENT
        else:
            pending = found.arrival is not None and found.verdict is None and found.record is None
        return pending and time.time() - _since(case) < self._wait_seconds

    async def _wait(self, cases: Sequence[_Case], *, alone: bool) -> None:
        """Put labels behind the others: they come again in a moment, at a place of their own.

        A label that is kept in memory would hold back acknowledgements, and its place in the
        order would be behind what was counted meanwhile.
        """
        if alone:
            await asyncio.sleep(min(_PAUSE, self._wait_seconds))
        for case in cases:
            arrival = case.arrival
            since = b"%d" % int(_since(case) * 1000)
            headers = [pair for pair in arrival.headers if pair[0] != SINCE]
            record = Record(
                self._places.labels, arrival.key, arrival.value, [*headers, (SINCE, since)]
            )
            await self._publisher.send(record)
            self._metrics.labels.labels("requeued").inc()

    async def _count_and_learn(self, ready: Sequence[tuple[_Case, Found]]) -> None:
        prepared = await self._in_thread(self._prepare, [found for _, found in ready])
        tasks = []
        kept = []
        for (case, found), one in zip(ready, prepared, strict=True):
            record = found.record
            if record is None and one is not None and one.evidence is not None:
                record = record_of(found, one.evidence, case.taken.at)
            if record is None:
                await self._refuse(case, "unreadable: the message can't be read")
                continue
            tasks.append(Task(case.taken, record))
            kept.append((case, found, one))
        await self._tell([_passed(case, "matched", found.id) for case, found, _ in kept])
        self._metrics.labels.labels("matched").inc(len(kept))
        outcomes = await self._counter.apply(tasks)
        self._metrics.labels.labels("counted").inc(len(kept))
        records = await self._in_thread(self._learn, kept, outcomes)
        await self._publish(kept, records)
        now = time.time()
        for (case, found, _), outcome in zip(kept, outcomes, strict=True):
            self._metrics.label_seconds.observe(max(0.0, now - case.taken.at))
            self._settled(found, outcome)

    def _prepare(self, found: Sequence[Found]) -> list[Prepared | None]:
        messages = {it.id: it.incoming for it in found if it.incoming is not None}
        prepared = dict(zip(messages, self._preparer.prepare(list(messages.values())), strict=True))
        return [prepared.get(it.id) for it in found]

    def _learn(
        self, kept: Sequence[tuple[_Case, Found, Prepared | None]], outcomes: Sequence[Outcome]
    ) -> list[StepRecord | None]:
        records: list[StepRecord | None] = []
        for (case, found, prepared), outcome in zip(kept, outcomes, strict=True):
            if self._lineage.frozen or self._is_handled(case.arrival):
                records.append(None)
            else:
                records.append(self._teacher.learn(case.taken, outcome, found, prepared))
        return records

    async def _publish(
        self,
        kept: Sequence[tuple[_Case, Found, Prepared | None]],
        records: Sequence[StepRecord | None],
    ) -> None:
        """Publish the steps in order, and read the last one back: nobody has taken over."""
        steps = [record for record in records if record is not None]
        if steps:
            await self._fence.confirm(await self._publisher.publish_all(steps))
        passed = []
        for (case, _, _), record in zip(kept, records, strict=True):
            if record is None:
                continue
            self._metrics.steps.labels(record.source).inc()
            self._metrics.labels.labels("learned").inc()
            passed.append(_passed(case, "learned", str(record.sequence)))
        self._metrics.waiting.set(self._lineage.waiting)
        self._metrics.sequence.set(self._lineage.sequence)
        await self._tell(passed)

    def _is_handled(self, arrival: LabelArrival) -> bool:
        done, place = self._lineage.labels, arrival.position
        return done is not None and done.epoch == place.epoch and place.offset <= done.offset

    async def _refuse(self, case: _Case, reason: str) -> None:
        self._metrics.labels.labels("refused").inc()
        log.info("label_refused", label=case.taken.label.id, reason=reason)
        await self._tell([_passed(case, "refused", reason)])

    async def _refuse_record(self, arrival: LabelArrival, refusal: Refusal) -> None:
        place = arrival.position
        self._metrics.dead_letters.inc()
        log.warning("label_malformed", offset=place.offset, reason=refusal.reason)
        await self._publisher.send(
            dead_letter(
                self._places.deadletter,
                origin=(self._places.labels, place.partition, place.offset),
                key=arrival.key,
                value=arrival.value,
                headers=arrival.headers,
                error=refusal.reason,
            )
        )

    async def _tell(self, passed: Sequence[Passed]) -> None:
        if self._paths is not None and passed:
            with suppress(StoreError, RedisError, OSError):  # it decides nothing
                await self._paths.tell(passed)

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call until Kafka and Redis answer: a label is never skipped for want of them."""
        while True:
            try:
                return await call()
            except (TopicError, StoreError, RedisError, OSError) as error:
                log.warning("labels_wait", error=str(error))
                await asyncio.sleep(_AWAY)

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


def _since(case: _Case) -> float:
    """Return when a label first came (s)."""
    taken = case.taken
    return taken.at if taken.since is None else taken.since


def _passed(case: _Case, stage: Any, detail: str) -> Passed:
    return Passed(case.taken.label.id, stage, case.taken.at, detail)
