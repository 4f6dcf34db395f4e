"""From messages to verdicts: the one place where core, store and broker meet.

A batch is looked up, counted, judged, recorded, produced and only then acknowledged, in this
order, so that a crash at any point repeats work but changes no verdict and no count
(docs/delivery.md).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

import msgspec
import structlog

from detectors.judging import Judged
from detectors.record import encode
from features.envelope import Incoming, LogPosition
from models.label import Label
from streams.answering import Answers, Places
from streams.cases import (
    NOTHING_FOUND,
    Case,
    incoming,
    is_of,
    keeping,
    lacks,
    numbered,
    place_of,
    queries,
    settled,
)
from streams.delivery import Deliver, DeliveryError
from streams.judging import Judging, conclude_safely, prepare_safely
from streams.metrics import Metrics
from streams.sandbox.sandbox import Sandbox
from streams.sender_state import SenderState, history, outcome
from streams.stores.protocol import Found, Move, Query, Store, StoreError
from streams.wire import Arrival

__all__ = ["Pipeline", "Places"]

_T = TypeVar("_T")

_INLINE_BYTES = 262_144  # below it, hashing a batch costs less than handing it to the thread

log = structlog.get_logger(__name__)


class Pipeline:
    """Answers every message of a batch; raises only what ends the worker (DeliveryError).

    `judge` returns the core in force, asked once a batch; `executor` is the thread it runs in,
    so that the event loop goes on; `recorded` is told of each place whose verdict was recorded.
    `labels` are those that a message gives by itself. `sandbox` opens attachments; without one
    none are opened.
    """

    def __init__(  # noqa: PLR0913 - what a batch passes through, each by its name
        self,
        judge: Callable[[], Judging],
        store: Store,
        deliver: Deliver,
        places: Places,
        metrics: Metrics,
        *,
        executor: Executor,
        worker: str,
        recorded: Callable[[LogPosition], None] = lambda _: None,
        labels: Callable[[Case], tuple[Label, ...]] = lambda _: (),
        sandbox: Sandbox | None = None,
    ) -> None:
        self._judge = judge
        self._store = store
        self._state = SenderState(store, metrics)
        self._answers = Answers(deliver, places, metrics, worker)
        self._metrics = metrics
        self._executor = executor
        self._recorded = recorded
        self._labels = labels
        self._sandbox = sandbox

    async def process(self, arrivals: Sequence[Arrival]) -> None:
        """Return when every message has a delivered verdict or is a dead letter.

        What breaks a batch is narrowed down: its messages go through one by one, and only the
        one that breaks again is given up.
        """
        try:
            await self._process(arrivals)
        except DeliveryError:
            raise
        except Exception as error:  # noqa: BLE001 - no exception may ack: it is narrowed down
            self._metrics.errors.labels("batch").inc()
            log.warning("batch_failed", messages=len(arrivals), error=type(error).__name__)
            if len(arrivals) == 1:
                await self._give_up(arrivals[0], error)
                return
            for arrival in arrivals:
                await self.process([arrival])

    async def _process(self, arrivals: Sequence[Arrival]) -> None:
        timings: dict[str, float] = {}
        judge, begun_ms = self._judge(), time.time() * 1000
        cases = [
            Case(arrival, waited_ms=max(0.0, begun_ms - arrival.appended_ms))
            for arrival in arrivals
        ]
        asked = await self._queries(cases)
        started = time.perf_counter()
        # A redelivered message is prepared too: what it adds to the state is sent again.
        preparing = self._in_thread(prepare_safely, judge, [incoming(case) for case in cases])
        await self._look_up(cases, asked)
        self._lap("look_up", started, timings)
        for case, prepared in zip(cases, await preparing, strict=True):
            case.prepared = prepared
        started = self._lap("prepare", started, timings)
        opening = self._opening(cases)
        await self._state.advance(cases)
        started = self._lap("state", started, timings)
        if opening is not None:
            await opening
            started = self._lap("open", started, timings)
        # This second hand-over costs 60 us; on the event loop a rule without end would take
        # heartbeats and the watchdog with it.
        outcomes = await self._in_thread(self._conclude, judge, cases)
        started = self._lap("conclude", started, timings)
        await self._record(cases, outcomes)
        started = self._lap("record", started, timings)
        for case in cases:
            self._label(case)
        await self._answers.send(cases, timings)
        self._lap("deliver", started, {})

    async def _queries(self, cases: Sequence[Case]) -> list[Query]:
        size = sum(len(case.arrival.incoming.raw) for case in cases)
        if size <= _INLINE_BYTES:
            return queries(cases)
        return await self._in_thread(queries, cases)

    async def _look_up(self, cases: Sequence[Case], asked: Sequence[Query]) -> None:
        """Fill in what the store knows of the messages."""
        try:
            found = await self._store.look_up(asked)
        except StoreError as error:
            log.warning("store_failed", step="look_up", error=str(error))
            return
        for case, known in zip(cases, found, strict=True):
            if known.verdict is not None and not is_of(case, known.verdict):
                known = known._replace(verdict=None)  # noqa: PLW2901 - as if there were none
            case.found, case.known = known, True
            if known.verdict is not None:
                case.value = known.verdict
                self._metrics.redelivered.inc()
            elif known.revision:
                self._metrics.duplicates.inc()
            if known.retry:
                self._metrics.retries.inc()
            elif known.split:
                self._metrics.splits.inc()

    def _opening(self, cases: Sequence[Case]) -> "asyncio.Future[None] | None":
        """Begin to open what messages without a verdict want opened; None where none does."""
        wanting = [case for case in cases if case.fresh and case.prepared and case.prepared.wanted]
        if self._sandbox is None or not wanting:
            return None
        return self._in_thread(_open, self._sandbox, wanting)

    def _conclude(self, judge: Judging, cases: Sequence[Case]) -> list[Move]:
        """Judge what has no verdict yet; return what the batch adds to the state by that."""
        fresh = [case for case in cases if case.fresh]
        if fresh:
            messages = [settled(case) for case in fresh]
            judged = conclude_safely(judge, messages, [history(case) for case in fresh])
            for case, message, result in zip(fresh, messages, judged, strict=True):
                self._encode(judge, case, message.incoming, result)
        return [move for move in map(outcome, cases) if move is not None]

    def _encode(self, judge: Judging, case: Case, message: Incoming, result: Judged) -> None:
        verdict, case.error = result.verdict, result.error
        for fault in result.faults:
            log.warning("part_failed", id=verdict.id, fault=fault)
        if case.error is not None:
            self._metrics.errors.labels("judge").inc()
            log.error("message_broke_the_pipeline", id=verdict.id, error=place_of(case.error))
        verdict = numbered(case, verdict)
        if not case.known:
            verdict = lacks(verdict, "store")
        try:
            case.value = encode(verdict)
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
            case.error = f"encode: {type(error).__name__}: {error}"
            verdict = numbered(case, judge.degraded(message, "pipeline"))
            case.value = encode(verdict)
        case.verdict = verdict

    async def _record(self, cases: Sequence[Case], outcomes: Sequence[Move]) -> None:
        """Record what was judged; what the store already has is what is produced."""
        try:
            kept = await self._state.record([keeping(case) for case in cases], outcomes)
        except StoreError as error:
            log.warning("store_failed", step="record", error=str(error))
            for case in cases:
                if case.verdict is not None and case.known:
                    case.value = encode(lacks(case.verdict, "store"))
            return
        for case, value in zip(cases, kept, strict=True):
            if value is not case.value and is_of(case, value):
                case.value = value
            self._recorded(case.arrival.position)

    def _label(self, case: Case) -> None:
        """Find the labels that a message gives, before it is acknowledged."""
        try:
            case.labels = self._labels(case)
        except Exception as error:  # noqa: BLE001 - a defect of ours costs the label, not the message
            self._metrics.errors.labels("label").inc()
            log.error("labels_not_found", error=type(error).__name__)  # noqa: TRY400 - may quote mail

    async def _give_up(self, arrival: Arrival, error: Exception) -> None:
        """Send a message that nothing helped to the dead letters, with a degraded verdict."""
        case = Case(arrival, error=f"{type(error).__name__}: {error}")
        case.found = await self._known(case)
        # The facts are the only part of a degraded verdict that has no bound.
        envelope = msgspec.structs.replace(arrival.incoming.envelope, facts={})
        bare = incoming(case)._replace(envelope=envelope)
        case.value = encode(numbered(case, self._judge().degraded(bare, "pipeline")))
        await self._answers.give_up(case)

    async def _known(self, case: Case) -> Found:
        """Return what the store knows of a message, so that its revision stays what it was."""
        try:
            (found,) = await self._store.look_up(queries([case]))
        except Exception:  # noqa: BLE001 - it may be what broke
            return NOTHING_FOUND
        return found

    def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> "asyncio.Future[_T]":
        return asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def _lap(self, stage: str, started: float, timings: dict[str, float]) -> float:
        """Time a stage; return when it ended."""
        ended = time.perf_counter()
        self._metrics.stage_seconds.labels(stage).observe(ended - started)
        timings[stage] = (ended - started) * 1000
        return ended


def _open(sandbox: Sandbox, cases: Sequence[Case]) -> None:
    """Put what was found inside attachments to the messages; waits no longer than it may."""
    prepared = [case.prepared for case in cases if case.prepared is not None]
    for case, one in zip(cases, sandbox.open_all(prepared), strict=True):
        case.prepared = one
