"""From verdicts to records that the broker has taken: verdicts, replies, dead letters, labels."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from streams.cases import Case, with_envelope
from streams.delivery import Deliver, DeliveryError
from streams.label_records import label_record
from streams.metrics import Metrics
from streams.wire import (
    Arrival,
    Record,
    VerdictHead,
    dead_letter,
    read_head,
    reply_record,
    verdict_record,
)

__all__ = ["Answers", "Places", "RefusedError"]

_SOURCE = "/weir/worker"

log = structlog.get_logger(__name__)


class Places(NamedTuple):
    """Topic names, and how many partitions the replies' topic has; without `labels` none go out."""

    messages: str
    verdicts: str
    replies: str
    deadletter: str
    reply_partitions: Callable[[], int]
    labels: str = ""


class RefusedError(Exception):
    """The broker will never take this message's verdict."""


class Answers:
    """Delivers what is said about messages, and counts it."""

    def __init__(self, deliver: Deliver, places: Places, metrics: Metrics, worker: str) -> None:
        self._deliver = deliver
        self._places = places
        self._metrics = metrics
        self._worker = worker

    async def send(self, cases: Sequence[Case], timings: Mapping[str, float]) -> None:
        """Return when the broker has each case's verdict, reply, dead letter and labels.

        `timings` are milliseconds by stage. Raises DeliveryError if the broker doesn't answer,
        RefusedError for a verdict that it will never take.
        """
        judged_at = datetime.now(UTC)
        records: list[Record] = []
        owners: list[tuple[Case, str]] = []
        heads = [read_head(case.value) for case in cases]
        for case, head in zip(cases, heads, strict=True):
            record = self._verdict(case, head, judged_at, timings)
            records.append(record)
            owners.append((case, "verdict"))
            reply = self._reply(case.arrival, record)
            if reply is not None:
                records.append(reply)
                owners.append((case, "reply"))
            if case.error is not None or "pipeline" in head.degraded:
                records.append(self._dead_letter(case))
                owners.append((case, "dead letter"))
            for label in case.labels if self._places.labels else ():
                records.append(label_record(self._places.labels, label, source=_SOURCE))
                owners.append((case, f"label of source {label.source}"))
        refusals = await self._deliver(records)
        for (case, what), refusal in zip(owners, refusals, strict=True):
            self._settle(case, what, refusal)
        self._count(cases, heads)

    async def give_up(self, case: Case) -> None:
        """Send a message that nothing helped to the dead letters, with its small verdict first.

        If the broker doesn't take even that one, it isn't about the message, and nothing may be
        acknowledged: DeliveryError.
        """
        head = read_head(case.value)
        record = self._verdict(case, head, datetime.now(UTC), {})
        reply = self._reply(case.arrival, record)
        refused, *_ = await self._deliver([record, *([reply] if reply else [])])
        if refused is not None:
            self._metrics.errors.labels("deliver").inc()
            raise DeliveryError(f"the broker refuses verdicts: {refused}")
        (refused,) = await self._deliver([self._dead_letter(case)])
        self._metrics.errors.labels("message").inc()
        position = case.arrival.position
        log.error(
            "message_given_up",
            partition=position.partition,
            offset=position.offset,
            error=(case.error or "").partition(":")[0],
            dead_letter="sent" if refused is None else refused.partition(":")[0],
        )
        if refused is None:
            self._metrics.dead_letters.inc()
        self._count([case], [head])

    def _verdict(
        self, case: Case, head: VerdictHead, judged_at: datetime, timings: Mapping[str, float]
    ) -> Record:
        return verdict_record(
            self._places.verdicts,
            head,
            case.value,
            judged_at=judged_at,
            timings={"wait": case.waited_ms, **timings} if timings else {},
            worker=self._worker,
        )

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
        elif what.startswith("label") and refusal is None:
            self._metrics.labels_given.labels(what.rpartition(" ")[2]).inc()
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
            raise RefusedError(refusal)

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
