"""Records onto `mail.models` in strict order: one is acknowledged before the next is sent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.connection import client_options
from streams.delivery import DeliveryError
from streams.model_records import ModelRecord, model_record
from streams.settings import Settings
from streams.topics import TopicError, name, unreachable
from streams.wire import Record

__all__ = ["Publisher", "open_publisher"]

_PAUSE = 0.2  # seconds


class Publisher:
    """Sends records one after the other, each again until it is taken, for at most `seconds`.

    Steps mean something only in their order, so none may overtake another that failed. A record
    that was taken twice has the same sequence, and the first counts.
    """

    def __init__(
        self, producer: Any, topic: str, seconds: float, resent: Callable[[], None] = lambda: None
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._seconds = seconds
        self._resent = resent

    async def publish(self, record: ModelRecord) -> int:
        """Return the record's offset in the topic; raises DeliveryError after the time."""
        return await self.send(model_record(self._topic, record, datetime.now(UTC)))

    async def send(self, record: Record) -> int:
        """Send a record of any topic, and return its offset; raises DeliveryError."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                place = await self._producer.send_and_wait(
                    record.topic,
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=record.headers,
                )
            except (KafkaError, OSError) as error:
                if time.monotonic() >= until:
                    raise DeliveryError(
                        f"the broker did not take a record of {record.topic} within "
                        f"{self._seconds:g} s: {type(error).__name__}: {error}"
                    ) from None
                self._resent()
                await asyncio.sleep(_PAUSE)
            else:
                return int(place.offset)


@asynccontextmanager
async def open_publisher(
    settings: Settings, resent: Callable[[], None] = lambda: None
) -> AsyncIterator[Publisher]:
    """Open an idempotent producer; raises TopicError where the brokers can't be reached."""
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=settings.dead_letter_bytes,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise TopicError(unreachable(settings, error)) from None
    try:
        yield Publisher(producer, name(settings, "models"), settings.worker.deliver_seconds, resent)
    finally:
        await producer.stop()
