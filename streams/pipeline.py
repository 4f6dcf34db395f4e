"""From messages to verdicts: the one place where core, store and broker meet.

A batch is looked up, judged, recorded, produced and only then acknowledged, in this order, so
that a crash at any point repeats work but changes no verdict (docs/delivery.md).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import structlog

from detectors.record import encode
from features.envelope import LogPosition
from streams.cases import (
    NOTHING_FOUND,
    Case,
    incoming,
    is_of,
    lacks,
    numbered,
    place_of,
    queries,
    with_envelope,
)
from streams.delivery import Deliver, DeliveryError
from streams.judging import Judging, judge_safely
from streams.metrics import Metrics
from streams.stores.protocol import Found, Store, StoreError
from streams.wire import (
    Arrival,
    Record,
    VerdictHead,
    dead_letter,
    read_head,
    reply_record,
    verdict_record,
)

__all__ = ["Pipeline", "Places"]

_INLINE_BYTES = 262_144  # below it, hashing a batch costs less than handing it to the thread

log = structlog.get_logger(__name__)


class Places(NamedTuple):
    """Topic names, and how many partitions the replies' topic has."""

    messages: str
    verdicts: str
    replies: str
    deadletter: str
    reply_partitions: Callable[[], int]


class Pipeline:
    """Answers every message of a batch; raises only what ends the worker (DeliveryError).

    `judge` returns the core in force, asked once a batch; `executor` is the thread it runs in,
    so that the event loop goes on; `recorded` is told of each place whose verdict was recorded.
    """

    def __init__(
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
    ) -> None:
        self._judge = judge
        self._store = store
        self._deliver = deliver
        self._places = places
        self._metrics = metrics
        self._executor = executor
        self._worker = worker
        self._recorded = recorded

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
        started = time.perf_counter()
        begun = datetime.now(UTC)
        timings: dict[str, float] = {}
        cases = [Case(arrival) for arrival in arrivals]
        seen = await self._look_up(cases)
        self._lap("look_up", started, timings)
        fresh = [case for case in cases if case.found.verdict is None]
        if fresh:
            await self._judge_all(fresh, timings, seen=seen)
            await self._record(fresh, timings, seen=seen)
        judged_at = datetime.now(UTC)
        await self._produce(cases, timings, begun, judged_at)

    async def _look_up(self, cases: Sequence[Case]) -> bool:
        """Fill in what the store knows; tell whether it answered."""
        size = sum(len(case.arrival.incoming.raw) for case in cases)
        if size <= _INLINE_BYTES:
            asked = queries(cases)
        else:
            loop = asyncio.get_running_loop()
            asked = await loop.run_in_executor(self._executor, queries, cases)
        try:
            found = await self._store.look_up(asked)
        except StoreError as error:
            log.warning("store_failed", step="look_up", error=str(error))
            return False
        for case, known in zip(cases, found, strict=True):
            if known.verdict is not None and not is_of(case, known.verdict):
                known = known._replace(verdict=None)  # noqa: PLW2901 - as if there were none
            case.found = known
            if known.verdict is not None:
                case.value = known.verdict
                self._metrics.redelivered.inc()
            elif known.revision:
                self._metrics.duplicates.inc()
            if known.retry:
                self._metrics.retries.inc()
        return True

    async def _judge_all(
        self, cases: Sequence[Case], timings: dict[str, float], *, seen: bool
    ) -> None:
        started = time.perf_counter()
        judge = self._judge()
        loop = asyncio.get_running_loop()
        messages = [incoming(case) for case in cases]
        judged = await loop.run_in_executor(self._executor, judge_safely, judge, messages)
        for case, message, outcome in zip(cases, messages, judged, strict=True):
            verdict, case.error = outcome.verdict, outcome.error
            for fault in outcome.faults:
                log.warning("part_failed", id=verdict.id, fault=fault)
            if case.error is not None:
                self._metrics.errors.labels("judge").inc()
                log.error("message_broke_the_pipeline", id=verdict.id, error=place_of(case.error))
            verdict = numbered(case, verdict)
            if not seen:
                verdict = lacks(verdict, "store")
            try:
                case.value = encode(verdict)
            except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
                case.error = f"encode: {type(error).__name__}: {error}"
                verdict = numbered(case, judge.degraded(message, "pipeline"))
                case.value = encode(verdict)
            case.verdict = verdict
        self._lap("judge", started, timings)

    async def _record(
        self, cases: Sequence[Case], timings: dict[str, float], *, seen: bool
    ) -> None:
        """Record what was judged; what the store already has is what is produced."""
        started = time.perf_counter()
        places = [(case.arrival.position, case.value) for case in cases]
        try:
            kept = await self._store.record(places)
        except StoreError as error:
            if seen:
                log.warning("store_failed", step="record", error=str(error))
                for case in cases:
                    assert case.verdict is not None
                    case.value = encode(lacks(case.verdict, "store"))
        else:
            for case, value in zip(cases, kept, strict=True):
                if value is not case.value and is_of(case, value):
                    case.value = value
                self._recorded(case.arrival.position)
        self._lap("record", started, timings)

    async def _produce(
        self,
        cases: Sequence[Case],
        timings: dict[str, float],
        begun: datetime,
        judged_at: datetime,
    ) -> None:
        started = time.perf_counter()
        heads = [read_head(case.value) for case in cases]
        records: list[Record] = []
        owners: list[tuple[Case, str]] = []
        for case, head in zip(cases, heads, strict=True):
            waited = begun.timestamp() * 1000 - case.arrival.appended_ms
            record = verdict_record(
                self._places.verdicts,
                head,
                case.value,
                judged_at=judged_at,
                timings={"wait": max(0.0, waited), **timings},
                worker=self._worker,
            )
            records.append(record)
            owners.append((case, "verdict"))
            reply = self._reply(case.arrival, record)
            if reply is not None:
                records.append(reply)
                owners.append((case, "reply"))
            if case.error is not None or "pipeline" in head.degraded:
                records.append(self._dead_letter(case))
                owners.append((case, "dead letter"))
        refusals = await self._deliver(records)
        for (case, what), refusal in zip(owners, refusals, strict=True):
            self._settle(case, what, refusal)
        self._lap("deliver", started, {})
        self._count(cases, heads)

    def _reply(self, arrival: Arrival, verdict: Record) -> Record | None:
        if arrival.reply_malformed:
            self._metrics.replies.labels("malformed").inc()
            return None
        if arrival.reply is None:
            return None
        if arrival.reply.partition >= self._places.reply_partitions():
            self._metrics.replies.labels("invalid_partition").inc()
            return None
        return reply_record(self._places.replies, verdict, arrival.reply)

    def _dead_letter(self, case: Case) -> Record:
        arrival = case.arrival
        return dead_letter(
            self._places.deadletter,
            origin=(self._places.messages, arrival.position.partition, arrival.position.offset),
            key=arrival.key,
            value=arrival.incoming.raw,
            headers=with_envelope(arrival),
            error=case.error or "broke the pipeline before; answered from its record",
        )

    def _settle(self, case: Case, what: str, refusal: str | None) -> None:
        if what == "reply":
            self._metrics.replies.labels("sent" if refusal is None else "failed").inc()
        elif what == "dead letter" and refusal is None:
            self._metrics.dead_letters.inc()
        if refusal is None:
            return
        position = case.arrival.position
        self._metrics.errors.labels("deliver").inc()
        log.error(
            "record_refused",
            what=what,
            partition=position.partition,
            offset=position.offset,
            error=refusal.partition(":")[0],
        )
        if what == "verdict":
            raise _RefusedError(refusal)

    async def _give_up(self, arrival: Arrival, error: Exception) -> None:
        """Send a message that nothing helped to the dead letters, with a degraded verdict.

        The verdict comes first and small: if the broker doesn't take even that one, it isn't about
        the message, and nothing may be acknowledged.
        """
        case = Case(arrival, error=f"{type(error).__name__}: {error}")
        case.found = await self._known(case)
        # The facts are the only part of a degraded verdict that has no bound.
        envelope = msgspec.structs.replace(arrival.incoming.envelope, facts={})
        bare = incoming(case)._replace(envelope=envelope)
        case.value = encode(numbered(case, self._judge().degraded(bare, "pipeline")))
        head = read_head(case.value)
        record = verdict_record(
            self._places.verdicts,
            head,
            case.value,
            judged_at=datetime.now(UTC),
            timings={},
            worker=self._worker,
        )
        reply = self._reply(arrival, record)
        refused, *_ = await self._deliver([record, *([reply] if reply else [])])
        if refused is not None:
            self._metrics.errors.labels("deliver").inc()
            raise DeliveryError(f"the broker refuses verdicts: {refused}")
        (refused,) = await self._deliver([self._dead_letter(case)])
        self._metrics.errors.labels("message").inc()
        log.error(
            "message_given_up",
            partition=arrival.position.partition,
            offset=arrival.position.offset,
            error=type(error).__name__,
            dead_letter="sent" if refused is None else refused.partition(":")[0],
        )
        if refused is None:
            self._metrics.dead_letters.inc()
        self._count([case], [head])

    async def _known(self, case: Case) -> Found:
        """Return what the store knows of a message, so that its revision stays what it was."""
        try:
            (found,) = await self._store.look_up(queries([case]))
        except Exception:  # noqa: BLE001 - it may be what broke
            return NOTHING_FOUND
        return found

    def _count(self, cases: Sequence[Case], heads: Sequence[VerdictHead]) -> None:
        now_ms = time.time() * 1000
        for case, head in zip(cases, heads, strict=True):
            self._metrics.verdicts.labels(head.action, head.kind).inc()
            for part in head.degraded:
                self._metrics.degraded.labels(part).inc()
            self._metrics.latency.observe(max(0.0, now_ms - case.arrival.appended_ms) / 1000)
        self._metrics.messages.inc(len(cases))
        size = sum(len(case.arrival.incoming.raw) for case in cases)
        self._metrics.bytes.inc(size)
        self._metrics.batch_messages.observe(len(cases))
        self._metrics.batch_bytes.observe(size)

    def _lap(self, stage: str, started: float, timings: dict[str, float]) -> None:
        seconds = time.perf_counter() - started
        self._metrics.stage_seconds.labels(stage).observe(seconds)
        timings[stage] = seconds * 1000


class _RefusedError(Exception):
    """The broker will never take this message's verdict."""
