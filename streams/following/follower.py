"""Keeps a worker's models where the learner's publish markers say: reads `mail.models` alone.

It never ends by itself and never stands in the way of mail: what it can't use is refused, counted
and logged, and the last good models stay in force.
"""

import asyncio
from concurrent.futures import Executor
from typing import Any, Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.following.applying import Applier
from streams.following.artifacts import Artifacts
from streams.following.metrics import FollowingMetrics
from streams.following.order import Seen
from streams.following.roles import Roles
from streams.following.state import State
from streams.in_force import InForce
from streams.model_records import Marker, Theta, read_model_record
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import TopicError, name

__all__ = ["Follower"]

_WAIT_MS: Final = 500
_MOST: Final = 500  # records in hand at a time
_PAUSE: Final = 2.0  # seconds before the brokers are asked again
_AGAIN: Final = 10.0  # seconds before what couldn't be loaded is tried again

log = structlog.get_logger(__name__)


class Follower:
    """Follows the learner for one worker; `epoch` is that of the topic of models."""

    def __init__(
        self,
        settings: Settings,
        in_force: InForce,
        artifacts: Artifacts,
        executor: Executor,
        metrics: FollowingMetrics,
        *,
        epoch: str,
    ) -> None:
        self._settings = settings
        self._in_force = in_force
        self._metrics = metrics
        self._roles = Roles(in_force, artifacts, metrics)
        applier = Applier(executor, metrics)
        self._state = State(in_force, artifacts, applier, self._roles, metrics, epoch=epoch)
        self._next: int | None = None
        self._tried = 0.0
        self._theta: Theta | None = None

    async def run(self) -> None:
        """Follow until it is cancelled."""
        while True:
            try:
                if self._next is None:
                    self._next = await self._state.start()
                await self._follow()
            except (TopicError, KafkaError, OSError) as error:
                log.warning("models_not_read", error=f"{type(error).__name__}: {error}"[:300])
            except Exception as error:
                # A defect of ours must not leave models half way: all begins at a snapshot again.
                log.exception("following_failed", error=type(error).__name__)
                self._next = None
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        async with open_reader(self._settings, gather_ms=_WAIT_MS) as consumer:
            place = TopicPartition(name(self._settings, "models"), 0)
            consumer.assign([place])
            await self._seek(consumer, place, self._next or 0)
            while True:
                found = await consumer.getmany(place, timeout_ms=_WAIT_MS, max_records=_MOST)
                moved = await self._take(found.get(place, ()))
                if moved is not None:
                    await self._seek(consumer, place, moved)

    async def _seek(self, consumer: Any, place: TopicPartition, offset: int) -> None:
        first = (await consumer.beginning_offsets([place]))[place]
        self._next = max(offset, first)
        consumer.seek(place, self._next)

    async def _take(self, records: Any) -> int | None:
        """Take in what was read; return the offset to read on from, None for the next."""
        seen = [one for record in records if (one := self._seen(record)) is not None]
        moved = await self._state.take(seen)
        if records and moved is None:
            self._next = records[-1].offset + 1
        now = asyncio.get_running_loop().time()
        if self._roles.pointed:
            await self._roles.cast()
        if now - self._tried >= _AGAIN:
            self._tried = now
            await self._roles.cast()
            if moved is None:
                moved = await self._state.mend()
        if seen:
            self._tell()
        return moved

    def _seen(self, record: Any) -> Seen | None:
        try:
            read = read_model_record(record.headers, record.value)
        except ValueError as error:
            self._metrics.refuse("unreadable")
            log.error("record_refused", offset=record.offset, error=str(error)[:300])  # noqa: TRY400 - one line
            return None
        return Seen(read, record.offset, record.timestamp / 1000, len(record.value or b""))

    def _tell(self) -> None:
        """Show where the worker stands, and ask for labels as the last marker says."""
        order = self._state.order
        self._metrics.published.set(order.published)
        self._metrics.behind.set(order.behind)
        marker = order.marker
        if marker is not None:
            self._metrics.closed.set(bool(marker.closed))
            self._metrics.frozen.set(marker.frozen)
            self._ask(marker)

    def _ask(self, marker: Marker) -> None:
        theta = marker.theta
        if theta is None or theta == self._theta:
            return
        self._theta = theta
        if not _is_sound(theta):
            self._metrics.refuse("theta")
            return
        self._in_force.change(lambda judge: judge.with_theta(theta))


def _is_sound(theta: Theta) -> bool:
    return (
        len(theta.chances) == len(theta.edges) + 1
        and list(theta.edges) == sorted(theta.edges)
        and all(0.0 <= chance <= 1.0 for chance in theta.chances)
    )
