"""Mail onto the mail log: an idempotent producer, bounded in flight, at a given rate."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.producing import new_producer
from streams.settings import Settings
from streams.topics import TopicError, unreachable
from streams.wire import Record

__all__ = ["Delivered", "Publisher", "open_publisher"]

_IN_FLIGHT = 500
_BYTES_IN_FLIGHT = 32_000_000


class Delivered(NamedTuple):
    """A record that the brokers have acknowledged, and where it lies."""

    record: Record
    partition: int
    offset: int


class Publisher:
    """Produces records; `send` holds back while too much is unacknowledged."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._waiting: deque[tuple[Record, asyncio.Future[Any]]] = deque()
        self._bytes = 0

    async def send(self, record: Record) -> list[Delivered]:
        """Produce a record; return those that were acknowledged meanwhile, in order.

        Raises KafkaError where an earlier one could not be delivered.
        """
        future = await self._producer.send(
            record.topic,
            record.value,
            key=record.key,
            headers=record.headers,
            partition=record.partition,
        )
        self._waiting.append((record, future))
        self._bytes += len(record.value)
        done = []
        while self._waiting and (self._waiting[0][1].done() or self._full()):
            done.append(await self._oldest())
        return done

    async def flush(self) -> list[Delivered]:
        """Wait for all that is unacknowledged; raises KafkaError where one wasn't delivered."""
        return [await self._oldest() for _ in range(len(self._waiting))]

    def _full(self) -> bool:
        return len(self._waiting) > _IN_FLIGHT or self._bytes > _BYTES_IN_FLIGHT

    async def _oldest(self) -> Delivered:
        record, future = self._waiting.popleft()
        self._bytes -= len(record.value)
        place = await future
        return Delivered(record, place.partition, place.offset)


@asynccontextmanager
async def open_publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """Open an idempotent producer, and flush it when the block ends.

    Raises TopicError, in one line, where brokers or topics can't take the records.
    """
    producer = new_producer(settings)
    try:
        await producer.start()
        publisher = Publisher(producer)
        yield publisher
        await publisher.flush()
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    finally:
        await producer.stop()
