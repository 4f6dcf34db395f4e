"""A load generator: publishes mail in bulk or at a rate, and times the answers."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)

from apps.bench.arriving import arriving
from apps.bench.traffic import Traffic
from streams import heap
from streams.connection import client_options
from streams.settings import Settings
from streams.topics import name
from streams.wire import Record, new_id

__all__ = ["Load", "LoadError", "open_load"]

_PATIENCE = 30.0  # without an answer
_IN_FLIGHT = 500


class LoadError(RuntimeError):
    """Answers stay away: one line that says how many."""


class Load:
    """Publishes to the mail log and sees each answer on the topic of verdicts, keyed by id.

    All times are this process's own clock, so publisher and reader agree.
    """

    def __init__(self, settings: Settings, producer: Any, traffic: Traffic) -> None:
        self._topic = name(settings, "messages")
        self._producer = producer
        self._traffic = traffic
        self._answered: dict[bytes, float] = {}
        self._news = asyncio.Event()

    async def bulk(self, count: int) -> float:
        """Make messages and publish them; return the seconds to the last answer."""
        return await self.publish(self.made(count))

    def made(self, count: int) -> list[Record]:
        """Return that many messages, new ones each time.

        They stay until they are answered: a search for garbage among them, while answers are
        timed, would be taken for the worker's delay.
        """
        records = [self._record() for _ in range(count)]
        heap.settle()
        return records

    async def publish(self, records: Sequence[Record]) -> float:
        """Publish as fast as the broker takes it; return the seconds to the last answer."""
        waiting: deque[asyncio.Future[Any]] = deque()
        started = time.perf_counter()
        for record in records:
            waiting.append(await self._send(record))
            if len(waiting) >= _IN_FLIGHT:
                await waiting.popleft()
        await asyncio.gather(*waiting)
        keys = [_key(record) for record in records]
        await self._until_answered(keys)
        return max(self._answered[key] for key in keys) - started

    async def paced(self, rate: float, seconds: float) -> list[float]:
        """Publish evenly at a rate; return each message's time to its answer, in ms.

        Times count from when a message was due, so that a generator held up by the system under
        test doesn't hide the delay.
        """
        records = self.made(int(rate * seconds))
        due: dict[bytes, float] = {}
        started = time.perf_counter()
        for number, record in enumerate(records):
            at = started + number / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            await self._send(record)
            due[_key(record)] = at
        await self._until_answered(list(due))
        return [(self._answered[key] - at) * 1000 for key, at in due.items()]

    def forget(self) -> None:
        """Forget answers that nobody waits for, so that a long run doesn't grow."""
        self._answered.clear()

    async def read(self, consumer: Any) -> None:
        """Note when each answer came; runs until it is cancelled."""
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            now = time.perf_counter()
            for records in batches.values():
                for record in records:
                    self._answered.setdefault(record.key, now)
            if batches:
                self._news.set()

    def _record(self) -> Record:
        envelope, raw = self._traffic.message(new_id())
        return arriving(self._topic, envelope, raw)

    async def _send(self, record: Record) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = await self._producer.send(
            record.topic, record.value, key=record.key, headers=record.headers
        )
        return future

    async def _until_answered(self, keys: Sequence[bytes]) -> None:
        missing = set(keys) - self._answered.keys()
        while missing:
            self._news.clear()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._news.wait()
            except TimeoutError:
                raise LoadError(
                    f"{len(missing)} of {len(keys)} messages unanswered for {_PATIENCE:.0f} s"
                ) from None
            missing -= self._answered.keys()


def _key(record: Record) -> bytes:
    assert record.key is not None, "messages are keyed by id"
    return record.key


@asynccontextmanager
async def open_load(settings: Settings, traffic: Traffic) -> AsyncIterator[Load]:
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
    load = Load(settings, producer, traffic)
    reader = asyncio.create_task(load.read(consumer))
    try:
        yield load
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await consumer.stop()
        await producer.stop()
