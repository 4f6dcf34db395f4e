"""Records onto `mail.models` in strict order: none is sent before those before it are taken."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.delivery import DeliveryError
from streams.model_records import ModelRecord, model_record
from streams.producing import new_producer
from streams.settings import Settings
from streams.topics import TopicError, name, unreachable
from streams.wire import Record

__all__ = ["Publisher", "open_publisher"]

_T = TypeVar("_T")

_PAUSE = 0.2  # seconds
_BATCH_BYTES = 524_288  # half of what a broker takes by default; a larger record goes alone


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

    async def publish_all(self, records: Sequence[ModelRecord]) -> int:
        """Return the last record's offset; raises DeliveryError.

        What fits into one batch of Kafka's goes out as one: the broker takes all of it or nothing,
        so no record is there without those before it.
        """
        now, last, done = datetime.now(UTC), -1, 0
        made = [model_record(self._topic, record, now) for record in records]
        while done < len(made):
            send = partial(self._hand_over, made[done:])
            last, count = await self._patiently(send, self._topic)
            done += count
        return last

    async def send(self, record: Record) -> int:
        """Send a record of any topic, and return its offset; raises DeliveryError."""
        place = await self._patiently(
            lambda: self._producer.send_and_wait(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            ),
            record.topic,
        )
        return int(place.offset)

    async def _hand_over(self, records: Sequence[Record]) -> tuple[int, int]:
        """Send as many as fit into a batch; return the last one's offset, and how many."""
        batch = self._producer.create_batch()
        fitting = 0
        while fitting < len(records) and _fits(batch, records[fitting]):
            fitting += 1
        batch.close()
        sent = await self._producer.send_batch(batch, self._topic, partition=0)
        return int((await sent).offset) + fitting - 1, fitting

    async def _patiently(self, call: Callable[[], Awaitable[_T]], topic: str) -> _T:
        """Call until the broker takes it, for as long as is allowed."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                return await call()
            except (KafkaError, OSError) as error:
                if time.monotonic() >= until:
                    raise DeliveryError(
                        f"the broker did not take a record of {topic} within "
                        f"{self._seconds:g} s: {type(error).__name__}: {error}"
                    ) from None
                self._resent()
                await asyncio.sleep(_PAUSE)


def _fits(batch: Any, record: Record) -> bool:
    """Put a record into a batch that has room for it; the first always has."""
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return added is not None


@asynccontextmanager
async def open_publisher(
    settings: Settings, resent: Callable[[], None] = lambda: None
) -> AsyncIterator[Publisher]:
    """Open an idempotent producer; raises TopicError where the brokers can't be reached."""
    producer = new_producer(settings, max_batch_size=_BATCH_BYTES)
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise TopicError(unreachable(settings, error)) from None
    try:
        yield Publisher(producer, name(settings, "models"), settings.worker.deliver_seconds, resent)
    finally:
        await producer.stop()
