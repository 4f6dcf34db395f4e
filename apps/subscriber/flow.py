"""Records one by one as they come, with what is done committed now and then."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.subscriber.received import Received, Reception, received
from streams.settings import Settings
from streams.topics import Role

__all__ = ["flow", "kept"]

_WAIT_MS: Final = 250

log = structlog.get_logger(__name__)


async def flow(
    reception: Reception,
    commit_seconds: float = math.inf,
    *,
    stop: asyncio.Event | None = None,
    follow: bool = True,
    caught_up: Callable[[], None] | None = None,
) -> AsyncGenerator[Received, None]:
    """Yield records until `stop` is set, or without `follow` what is there now.

    What has been taken and isn't ours any more is dropped; it comes again, to whom it belongs.
    `caught_up` is called once, when all has been given that was there at the beginning. Raises
    KafkaError where the log can't be read, or a group may not be committed to.
    """
    stop = stop or asyncio.Event()
    commits = _Commits(reception, commit_seconds)
    beginning = _Beginning(reception)
    while not stop.is_set():
        await commits.look()
        taken = await reception.take(wait_ms=_WAIT_MS)
        generation = reception.generation
        for record in taken:
            if stop.is_set() or reception.generation != generation:
                break
            yield record
            await commits.look()
        if not beginning.over and await beginning.look():
            if caught_up is not None:
                caught_up()
            if not follow:
                return


async def kept(settings: Settings, role: Role) -> AsyncGenerator[Received, None]:
    """Yield the records of a topic that are there, by partition as fetched; raises TopicError."""
    async with (
        received(settings, [role]) as reception,
        aclosing(flow(reception, follow=False)) as records,
    ):
        async for record in records:
            yield record


class _Commits:
    """Commits what is done whenever it is time."""

    def __init__(self, reception: Reception, seconds: float) -> None:
        self._reception, self._seconds = reception, seconds
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds

    async def look(self) -> None:
        """Commit if it is time; what a broker that is away doesn't take is tried again."""
        if self._loop.time() < self._due:
            return
        try:
            await self._reception.commit()
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("not_committed", error=str(error))
        self._due = self._loop.time() + self._seconds


class _Beginning:
    """Tells when all has been taken that was there when partitions were first ours."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._ends: dict[TopicPartition, int] = {}
        self.over = False

    async def look(self) -> bool:
        """Look whether it is so by now."""
        ours = self._reception.assigned
        if self._ends.keys() != ours:
            self._ends = await self._reception.ends()
        following = self._reception.following
        self.over = bool(ours) and all(
            following.get(place, 0) >= end for place, end in self._ends.items()
        )
        return self.over
