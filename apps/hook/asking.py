"""A message's way to the workers and its verdict's way back, by a deadline and within bounds."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.hook.breaker import MissBreaker
from apps.hook.in_flight import InFlight
from apps.hook.late import delivery_of
from apps.hook.link import Line
from apps.hook.metrics import HookMetrics, Reason
from apps.hook.replies import Replies
from detectors.record import decode
from detectors.verdict import Verdict
from features.envelope import Envelope, LogPosition
from streams.settings import Settings
from streams.topics import name
from streams.wire import Reply, message_record

__all__ = ["Asking", "NotAnswered"]

_SOURCE: Final = "/weir/hook"
_SHORT: Final = 0.5  # of the usual wait: a shorter one tells nothing about the workers

log = structlog.get_logger(__name__)

_Delivery = asyncio.Future[Any]


class NotAnswered(NamedTuple):
    """Why there is no worker's verdict, and where the message lies if it reached the mail log.

    `delivery_key` as in Incoming: "" where it wasn't worked out.
    """

    reason: Reason
    position: LogPosition | None = None
    delivery_key: str = ""


class Asking:
    """Asks workers; used from the event loop alone.

    A place in flight is held until the message is answered or given up, and the brokers have it:
    while they are away the producer keeps what it was given.
    """

    def __init__(
        self, settings: Settings, link: Line, replies: Replies, metrics: HookMetrics
    ) -> None:
        self._seconds = settings.hook.deadline_seconds
        self._topic = name(settings, "messages")
        self._link = link
        self._replies = replies
        self._breaker = MissBreaker()
        places = InFlight(settings.hook.in_flight, settings.hook.in_flight_bytes)
        self._places = places
        self._malformed = metrics.replies.labels("malformed")
        self._epoch = ""  # of the mail log, as verdicts tell it
        self._probes: set[asyncio.Task[None]] = set()
        metrics.observe_breaker(lambda: self._breaker.state)
        metrics.in_flight.set_function(lambda: places.messages)
        metrics.in_flight_bytes.set_function(lambda: places.bytes)
        metrics.connected.set_function(lambda: link.is_open)

    async def ask(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict | NotAnswered:
        """Return a worker's verdict, or why there is none by `deadline` (the loop's clock)."""
        if not self._link.is_open:
            return NotAnswered("disconnected")
        if self._breaker.state != "closed":
            if self._breaker.probe():
                self._start(self._probe(envelope, raw))
            return NotAnswered("breaker")
        if not self._places.enter(len(raw)):
            return NotAnswered("in_flight")
        return await self._request(envelope, raw, deadline)

    async def close(self) -> None:
        """End the probe that is under way, if there is one."""
        for task in list(self._probes):
            task.cancel()
        await asyncio.gather(*self._probes, return_exceptions=True)

    async def _request(
        self, envelope: Envelope, raw: bytes, deadline: float
    ) -> Verdict | NotAnswered:
        begun = asyncio.get_running_loop().time()
        request, answer = self._replies.expect()
        delivery: _Delivery | None = None
        verdict: Verdict | None = None
        reason: Reason = "deadline"
        key = ""
        try:
            async with asyncio.timeout_at(deadline):
                delivery = await self._send(envelope, raw, request, deadline - begun)
                delivery.add_done_callback(partial(_tell_if_failed, answer))
                verdict = self._read(await answer, envelope)
            reason = "malformed"
        except TimeoutError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                verdict = self._read(answer.result(), envelope)  # both came at once
        except KafkaError as error:
            reason = "refused"
            log.warning("message_not_sent", error=type(error).__name__)
        finally:
            self._leave(delivery, len(raw))
            if verdict is None:
                missed = delivery_of(envelope, raw)
                self._replies.give_up(request, envelope.id, missed)
                key = missed.key
        if verdict is not None:
            self._breaker.answered()
            return verdict
        if reason == "deadline" and deadline - begun >= _SHORT * self._seconds:
            self._breaker.missed()
        return NotAnswered(reason, self._position(delivery), key)

    async def _probe(self, envelope: Envelope, raw: bytes) -> None:
        """Send a message that nobody waits for; the breaker closes with its answer.

        As long as the brokers are away there is no other probe: this one is with the producer.
        """
        value: bytes | None = None
        self._places.take(len(raw))
        request, answer = self._replies.expect()
        try:
            delivery = await self._send(envelope, raw, request, self._seconds)
            await delivery
            async with asyncio.timeout(self._seconds):
                value = await answer
        except (KafkaError, TimeoutError) as error:
            log.info("probe_not_answered", error=type(error).__name__)
        finally:
            self._places.leave(len(raw))
            self._breaker.settle(answered=value is not None)
            if value is None:
                self._replies.give_up(request, envelope.id, delivery_of(envelope, raw))
        if value is not None:
            self._replies.keep(envelope.id, delivery_of(envelope, raw), value)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="weir-probe")
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _send(
        self, envelope: Envelope, raw: bytes, request: bytes, seconds: float
    ) -> _Delivery:
        deadline_ms = int((time.time() + seconds) * 1000)
        reply = Reply(request, self._link.partition, deadline_ms)
        now = datetime.now(UTC)
        record = message_record(self._topic, envelope, raw, source=_SOURCE, now=now, reply=reply)
        return await self._link.send(record)

    def _read(self, value: bytes, envelope: Envelope) -> Verdict | None:
        """Decode a reply; None for what is no verdict on this message."""
        try:
            verdict = decode(value)
        except (msgspec.MsgspecError, ValueError):
            verdict = None
        if verdict is None or verdict.id != envelope.id:
            self._malformed.inc()
            log.error("reply_malformed", id=envelope.id)
            return None
        if verdict.log is not None:
            self._epoch = verdict.log.epoch
        return verdict

    def _leave(self, delivery: _Delivery | None, size: int) -> None:
        """Give a place back once the brokers have the message, or nobody will send it."""
        if delivery is None or delivery.done():
            self._places.leave(size)
        else:
            delivery.add_done_callback(lambda _: self._places.leave(size))

    def _position(self, delivery: _Delivery | None) -> LogPosition | None:
        if delivery is None or not delivery.done() or delivery.cancelled():
            return None
        if delivery.exception() is not None or not self._epoch:
            return None
        place = delivery.result()
        return LogPosition(self._epoch, place.partition, place.offset)


def _tell_if_failed(answer: "asyncio.Future[bytes]", delivery: _Delivery) -> None:
    """Let a request know that no worker will ever see it."""
    error = KafkaError("the link was closed") if delivery.cancelled() else delivery.exception()
    if error is not None and not answer.done():
        answer.set_exception(error)
