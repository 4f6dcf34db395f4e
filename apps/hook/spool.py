"""Verdicts that the hook enforced by itself, on their way to the topic of verdicts."""

import asyncio
from collections import deque
from typing import Final

import structlog

from apps.hook.link import Line
from apps.hook.metrics import HookMetrics
from streams.wire import Record

__all__ = ["Spool"]

_MOST: Final = 10_000
_MOST_BYTES: Final = 67_108_864
_AT_ONCE: Final = 64
_PAUSE: Final = 0.5  # seconds before what wasn't taken is sent again

log = structlog.get_logger(__name__)


class Spool:
    """Holds records until the brokers have them, bounded in number and bytes: the oldest go."""

    def __init__(self, link: Line, metrics: HookMetrics) -> None:
        self._link = link
        self._metrics = metrics
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._sending = 0
        metrics.spooled.set_function(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """How many the brokers don't have yet."""
        return len(self._records) + self._sending

    async def emptied(self) -> None:
        """Return when the brokers have all of them."""
        await self._none.wait()

    def put(self, record: Record) -> None:
        """Take a record to publish."""
        self._records.append(record)
        self._bytes += len(record.value)
        self._drop()
        self._none.clear()
        self._some.set()

    async def run(self) -> None:
        """Publish what comes until cancelled."""
        while True:
            await self._some.wait()
            await self._link.reached()
            batch = self._next()
            self._sending = len(batch)
            left = batch
            try:
                left = await self._send(batch)
            finally:
                self._sending = 0
                self._put_back(left)
            if left:
                await asyncio.sleep(_PAUSE)

    def _next(self) -> list[Record]:
        batch = [self._records.popleft() for _ in range(min(_AT_ONCE, len(self._records)))]
        self._bytes -= sum(len(record.value) for record in batch)
        if not self._records:
            self._some.clear()
        return batch

    async def _send(self, batch: list[Record]) -> list[Record]:
        """Return those that are to be sent again."""
        left: list[Record] = []
        sent = []
        for record in batch:
            try:
                sent.append((record, await self._link.send(record)))
            except Exception as error:  # noqa: BLE001 - one record's defect must not end the spool
                self._failed(record, error, left)
        said = await asyncio.gather(*(delivery for _, delivery in sent), return_exceptions=True)
        for (record, _), answer in zip(sent, said, strict=True):
            if isinstance(answer, BaseException):
                self._failed(record, answer, left)
        return left

    def _failed(self, record: Record, error: BaseException, left: list[Record]) -> None:
        """Keep a record for another try where one may help."""
        if _again(error):
            left.append(record)
            return
        self._metrics.unpublished.inc()
        log.error("verdict_refused", error=type(error).__name__)

    def _put_back(self, records: list[Record]) -> None:
        self._records.extendleft(reversed(records))
        self._bytes += sum(len(record.value) for record in records)
        self._drop()
        if self._records:
            self._some.set()
        else:
            self._none.set()

    def _drop(self) -> None:
        while len(self._records) > _MOST or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._records.popleft().value)
            self._metrics.unpublished.inc()


def _again(error: BaseException) -> bool:
    """Tell whether another try may help: the brokers were away, or the link was closed."""
    return isinstance(error, asyncio.CancelledError) or bool(getattr(error, "retriable", False))
