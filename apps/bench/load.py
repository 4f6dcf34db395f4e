"""A load generator: publishes mail in bulk or at a rate, and times the answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)

from features.envelope import Envelope
from streams.connection import client_options
from streams.settings import Settings
from streams.topics import name
from streams.wire import message_record, new_id

__all__ = ["Load", "open_load"]

_PATIENCE = 60.0  # without an answer
_IN_FLIGHT = 500


class Load:
    """Publishes to the mail log and sees each answer on the topic of verdicts, keyed by id.

    All times are this process's own clock, so publisher and reader agree.
    """

    def __init__(self, settings: Settings, producer: Any, mail: Sequence[bytes]) -> None:
        self._topic = name(settings, "messages")
        self._producer = producer
        self._mail = mail
        self._answered: dict[bytes, float] = {}
        self._news = asyncio.Event()

    async def bulk(self, count: int) -> float:
        """Publish as fast as the broker takes it; return the seconds to the last answer."""
        started = time.perf_counter()
        keys = []
        sent: list[asyncio.Future[Any]] = []
        for number in range(count):
            key, future = await self._send(number)
            keys.append(key)
            sent.append(future)
            if len(sent) >= _IN_FLIGHT:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
        await self._until_answered(keys)
        return max(self._answered[key] for key in keys) - started

    async def paced(self, rate: float, seconds: float) -> list[float]:
        """Publish evenly at a rate; return each message's time to its answer, in ms.

        Times count from when a message was due, so that a generator held up by the system under
        test doesn't hide the delay.
        """
        due: dict[bytes, float] = {}
        started = time.perf_counter()
        for number in range(int(rate * seconds)):
            at = started + number / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            key, _ = await self._send(number)
            due[key] = at
        await self._until_answered(list(due))
        return [(self._answered[key] - at) * 1000 for key, at in due.items()]

    async def read(self, consumer: Any) -> None:
        """Note when each answer came; runs until it is cancelled."""
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            now = time.perf_counter()
            for records in batches.values():
                for record in records:
                    self._answered.setdefault(record.key, now)
            self._news.set()

    async def _send(self, number: int) -> tuple[bytes, "asyncio.Future[Any]"]:
        now = datetime.now(UTC)
        envelope = Envelope(
            id=new_id(),
            received_at=now,
            mail_from="sender@example.net",
            rcpt_to=(f"recipient-{number}@example.org",),  # a delivery of its own
        )
        raw = self._mail[number % len(self._mail)]
        record = message_record(self._topic, envelope, raw, source="/weir/bench", now=now)
        future = await self._producer.send(
            record.topic, record.value, key=record.key, headers=record.headers
        )
        assert record.key is not None
        return record.key, future

    async def _until_answered(self, keys: Sequence[bytes]) -> None:
        missing = set(keys) - self._answered.keys()
        while missing:
            self._news.clear()
            async with asyncio.timeout(_PATIENCE):
                await self._news.wait()
            missing -= self._answered.keys()


@asynccontextmanager
async def open_load(settings: Settings, mail: Sequence[bytes]) -> AsyncIterator[Load]:
    """Open producer and reader; answers that were there before are not seen."""
    producer = AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        max_request_size=settings.dead_letter_bytes,
    )
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
    )
    await producer.start()
    await consumer.start()
    topic = name(settings, "verdicts")
    consumer.assign([TopicPartition(topic, n) for n in range(settings.topics.partitions)])
    await consumer.seek_to_end()
    load = Load(settings, producer, mail)
    reader = asyncio.create_task(load.read(consumer))
    try:
        yield load
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await consumer.stop()
        await producer.stop()
