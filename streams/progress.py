"""How far the worker is in the mail log: lag by partition, and what is acknowledged."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from faust.types import TP
from prometheus_client import Gauge

from features.envelope import LogPosition

__all__ = ["Progress"]

_ANSWER_SECONDS = 5.0


class Lagging(Protocol):
    """Metrics, as far as the lag goes."""

    lag: Gauge


class Placed(Protocol):
    """A record of a log that was worked on."""

    @property
    def position(self) -> LogPosition:
        """Where it lies."""


class Progress:
    """Counts acknowledged messages and asks the broker how many are left."""

    def __init__(self, metrics: Lagging) -> None:
        self._metrics = metrics
        self._next: dict[int, int] = {}
        self._labels: set[int] = set()
        self.acked = 0

    def acknowledged(self, arrival: Placed) -> None:
        """Note that a message is done."""
        self.acked += 1
        self._next[arrival.position.partition] = arrival.position.offset + 1

    def revoked(self, partitions: Iterable[TP]) -> None:
        """Forget partitions that go to another worker."""
        for tp in partitions:
            self._next.pop(tp.partition, None)

    async def waiting(self, consumer: Any) -> int | None:
        """Return the messages not yet acknowledged, None while the broker doesn't tell.

        `consumer` is the transport's.
        """
        assigned = list(consumer.assignment())
        if not assigned:
            self._show({})
            return 0
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                ends = await consumer.highwaters(*assigned)
                starts = await consumer.earliest_offsets(*assigned)
                lag = await self._lag(consumer, ends, starts)
        except Exception:  # noqa: BLE001 - any failure to answer means that nothing is known
            return None
        self._show(lag)
        return sum(lag.values())

    async def _lag(
        self, consumer: Any, ends: Mapping[TP, int], starts: Mapping[TP, int]
    ) -> dict[int, int]:
        lag: defaultdict[int, int] = defaultdict(int)
        for tp, end in ends.items():
            start = max(starts.get(tp, 0), consumer._committed_offset[tp] or 0)  # noqa: SLF001
            done = self._next.get(tp.partition, start)
            if end > done and await consumer.exhausted(tp, done, end):
                done = end
            lag[tp.partition] += max(0, end - done)
        return lag

    def _show(self, lag: Mapping[int, int]) -> None:
        for partition in self._labels - set(lag):
            self._metrics.lag.remove(str(partition))
        for partition, messages in lag.items():
            self._metrics.lag.labels(str(partition)).set(messages)
        self._labels = set(lag)
