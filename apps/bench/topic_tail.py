"""A topic as it grows: read from its beginning, or from now on beside something else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import Role, name

__all__ = ["TopicTail", "read_beside"]

_WAIT_MS: Final = 200


class TopicTail:
    """Reads all partitions of a topic."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, settings: Settings, role: Role, *, from_now: bool = False
    ) -> AsyncIterator[Self]:
        """Open a topic at its beginning, or at its end.

        Raises TopicError where brokers can't be reached.
        """
        async with open_reader(settings) as consumer:
            count = settings.topics.partitions if role in ("messages", "verdicts") else 1
            places = [TopicPartition(name(settings, role), number) for number in range(count)]
            consumer.assign(places)
            await (consumer.seek_to_end if from_now else consumer.seek_to_beginning)(*places)
            yield cls(consumer)

    async def end(self) -> int:
        """Return how many records there are."""
        return sum((await self._consumer.end_offsets(self._consumer.assignment())).values())

    async def more(self) -> list[Any]:
        """Return what has come since, after a moment."""
        found = await self._consumer.getmany(timeout_ms=_WAIT_MS)
        return [record for records in found.values() for record in records]

    async def all(self) -> list[Any]:
        """Return what there is now."""
        end = await self.end()
        found: list[Any] = []
        while len(found) < end:
            found += await self.more()
        return found


@asynccontextmanager
async def read_beside(
    settings: Settings, role: Role, take: Callable[[list[Any]], None]
) -> AsyncIterator[None]:
    """Hand on the records that come from now on, until the block is left.

    Raises TopicError where brokers can't be reached.
    """
    async with TopicTail.opened(settings, role, from_now=True) as tail:
        reader = asyncio.create_task(_read(tail, take))
        try:
            yield
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader


async def _read(tail: TopicTail, take: Callable[[list[Any]], None]) -> None:
    while True:
        take(await tail.more())
