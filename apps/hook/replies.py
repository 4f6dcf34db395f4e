"""Requests that wait for a worker's reply, and what becomes of replies nobody waits for."""

import asyncio
import secrets
from collections import OrderedDict
from typing import Final

import msgspec
import structlog

from apps.hook.late import Delivery, LateVerdicts
from apps.hook.metrics import HookMetrics
from streams.wire import read_head

__all__ = ["Replies"]

_REMEMBERED: Final = 10_000  # requests that were given up: what answers them is still of use

log = structlog.get_logger(__name__)


class Replies:
    """Requests by their id, which no other hook and no earlier run of this one has.

    Used from the event loop alone.
    """

    def __init__(self, late: LateVerdicts, metrics: HookMetrics) -> None:
        self._late = late
        self._outcomes = {
            outcome: metrics.replies.labels(outcome) for outcome in ("awaited", "late", "foreign")
        }
        self._run = secrets.token_hex(8)
        self._asked = 0
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._given_up: OrderedDict[bytes, tuple[str, Delivery]] = OrderedDict()

    def expect(self) -> tuple[bytes, "asyncio.Future[bytes]"]:
        """Return a new request's id, and what will hold the encoded verdict; settle it by `end`."""
        self._asked += 1
        request = b"%s-%x" % (self._run.encode(), self._asked)
        future = asyncio.get_running_loop().create_future()
        self._waiting[request] = future
        return request, future

    def end(self, request: bytes) -> None:
        """Forget a request: it has its answer, or none will come."""
        self._waiting.pop(request, None)

    def give_up(self, request: bytes, identifier: str, delivery: Delivery) -> None:
        """Wait no longer; what still comes on the message is kept for a retry of the delivery."""
        self.end(request)
        self._given_up[request] = identifier, delivery
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)

    def arrived(self, request: bytes | None, value: bytes | None) -> None:
        """Take a record of the topic of replies: its key and its value."""
        if request is None or value is None:
            self._outcomes["foreign"].inc()
            return
        future = self._waiting.pop(request, None)
        if future is not None and not future.done():
            future.set_result(value)
            self._outcomes["awaited"].inc()
            return
        given_up = self._given_up.pop(request, None)
        if given_up is None:
            self._outcomes["foreign"].inc()  # of a process that shares the partition
            return
        self._outcomes["late"].inc()
        self.keep(*given_up, value)

    def keep(self, identifier: str, delivery: Delivery, value: bytes) -> None:
        """Keep a late verdict on a message for a retry of its delivery.

        Where it asks for a retry, that one is judged anew.
        """
        try:
            head = read_head(value)
        except msgspec.MsgspecError as error:
            log.warning("reply_unreadable", error=type(error).__name__)
            return
        if head.id != identifier:
            log.error("reply_malformed", id=identifier)
            return
        if head.action != "defer":
            self._late.put(delivery, value)
