"""The hook's line to Kafka: one producer, one reader of replies, opened until they are there."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import structlog
from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)
from aiokafka.errors import KafkaError, NodeNotReadyError  # type: ignore[import-untyped]  # no types

from streams.connection import client_options
from streams.settings import Settings
from streams.topics import TopicError, name
from streams.wire import Record

__all__ = ["Arrived", "Line", "Link"]

_PAUSE: Final = 1.0  # seconds before the brokers are tried again
_REQUEST_MS: Final = 5_000  # a connection that is silent for longer is made anew
_AGAIN_MS: Final = 400  # before a client tries again: each try of an outage is a line in the log
_WAIT_MS: Final = 500  # how long a broker holds a fetch without replies: idle costs little
_BATCH: Final = 262_144  # bytes of a partition in a request; by default two messages fill it
_MOST: Final = 500  # replies in hand at a time
_CLOSE: Final = 3.0  # seconds: brokers that are away can't be told goodbye

log = structlog.get_logger(__name__)

Arrived = Callable[[bytes | None, bytes | None], None]


class Line(Protocol):
    """What requests go out by, and replies come back: Kafka, or a pipeline in this process.

    Replies are asked for on `partition`.
    """

    partition: int

    @property
    def is_open(self) -> bool:
        """Whether replies are read and records can be sent."""
        ...

    @property
    def is_reached(self) -> bool:
        """Whether records that ask for no reply can be sent: when it is open, or before."""
        ...

    async def reached(self) -> None:
        """Return when they can."""
        ...

    async def send(self, record: Record) -> "asyncio.Future[Any]":
        """Take a record; return the future of its place, as aiokafka's producer does.

        Raises KafkaError for a record that can't be sent.
        """
        ...

    async def run(self) -> None:
        """Keep it open until cancelled."""
        ...


class Link:
    """Sends records and hands over replies; `arrived` is told each reply's key and value.

    Lost connections are the clients' affair: they come back by themselves, and what was sent
    stays theirs until the brokers have it, in order and once. Only what a client gives up for
    good makes both anew.
    """

    def __init__(self, settings: Settings, arrived: Arrived) -> None:
        self._settings = settings
        self._arrived = arrived
        self._producer: Any = None
        self._unacknowledged: set[asyncio.Future[Any]] = set()
        self._opened = asyncio.Event()
        self.partition = 0

    @property
    def is_open(self) -> bool:
        """Whether replies are read and records can be sent."""
        return self._opened.is_set()

    @property
    def is_reached(self) -> bool:
        """Whether it is open: it opens all at once."""
        return self.is_open

    async def reached(self) -> None:
        """Return when the link is open."""
        await self._opened.wait()

    async def send(self, record: Record) -> "asyncio.Future[Any]":
        """Hand a record to the producer; return its delivery, cancelled if the link closes.

        Raises KafkaError for a record that can't be sent.
        """
        if not self.is_open:
            raise NodeNotReadyError("the link is closed")
        delivery: asyncio.Future[Any] = await self._producer.send(
            record.topic,
            record.value,
            key=record.key,
            headers=record.headers,
            partition=record.partition,
        )
        self._unacknowledged.add(delivery)
        delivery.add_done_callback(self._unacknowledged.discard)
        return delivery

    async def run(self) -> None:
        """Keep the link open until cancelled."""
        said = ""
        while True:
            try:
                async with self._clients() as consumer:
                    log.info("kafka_reached", reply_partition=self.partition)
                    said = ""
                    await self._read(consumer)
            except (KafkaError, TopicError, OSError) as error:
                saying = f"{type(error).__name__}: {error}"[:300]
                if saying != said:  # once, not every second of an outage
                    log.warning("kafka_unreachable", error=saying)
                said = saying
            except Exception as error:
                log.exception("link_failed", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)

    async def _read(self, consumer: Any) -> None:
        place = TopicPartition(name(self._settings, "replies"), self.partition)
        sending = self._producer._sender.sender_task  # noqa: SLF001 - nothing else tells of its end
        while not sending.done():
            found = await consumer.getmany(place, timeout_ms=_WAIT_MS, max_records=_MOST)
            for record in found.get(place, ()):
                self._arrived(record.key, record.value)
        log.error("producer_ended")

    @contextlib.asynccontextmanager
    async def _clients(self) -> AsyncIterator[Any]:
        """Open both; the reply partition's end is known before anything is sent."""
        options = {
            **client_options(self._settings),
            "request_timeout_ms": _REQUEST_MS,
            "retry_backoff_ms": _AGAIN_MS,
        }
        consumer = AIOKafkaConsumer(
            **options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=_WAIT_MS,
            max_partition_fetch_bytes=self._settings.record_bytes,
        )
        producer = AIOKafkaProducer(
            **options,
            enable_idempotence=True,
            max_batch_size=min(_BATCH, self._settings.record_bytes),
            max_request_size=self._settings.dead_letter_bytes,
        )
        try:
            await consumer.start()
            await self._assign(consumer)
            await producer.start()
            self._producer = producer
            self._opened.set()
            yield consumer
        finally:
            self._opened.clear()
            for client in (producer, consumer):
                with contextlib.suppress(Exception):  # it is given up, whatever it says
                    async with asyncio.timeout(_CLOSE):
                        await client.stop()
            for delivery in list(self._unacknowledged):
                delivery.cancel()

    async def _assign(self, consumer: Any) -> None:
        topic = name(self._settings, "replies")
        known = await self._partitions(consumer, topic)
        wanted = self._settings.hook.reply_partition
        self.partition = wanted if wanted >= 0 else secrets.choice(known)
        if self.partition not in known:
            raise TopicError(
                f"hook.reply_partition = {wanted}; allowed: less than the {len(known)} partitions "
                f"of {topic}"
            )
        place = TopicPartition(topic, self.partition)
        consumer.assign([place])
        await consumer.seek_to_end(place)
        await consumer.position(place)

    async def _partitions(self, consumer: Any, topic: str) -> list[int]:
        known = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - asks; the public one guesses
        for wanted in (topic, name(self._settings, "messages")):
            if not known.partitions_for_topic(wanted):
                raise TopicError(f"topic {wanted} is missing; create it with `weir topics create`")
        return sorted(known.partitions_for_topic(topic))
