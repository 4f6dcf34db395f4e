"""Labels in bulk, and the learning steps that come of them, as mail.models shows them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.bench.campaigns import campaigns
from apps.bench.reaction import Seen
from apps.local.errors import StackError
from apps.publishing import Publisher
from models.label import Target
from streams.connection import client_options
from streams.label_records import label_record, new_label
from streams.settings import Settings
from streams.topics import name
from streams.wire import message_record

__all__ = ["Steps"]

_PATIENCE: Final = 90.0  # seconds without a step or a marker: one is due every 60
_STEP: Final = b"weir.model.step"
_MARKER: Final = b"weir.model.publish"


class Steps:
    """Counts the learner's steps as they come."""

    def __init__(self) -> None:
        self.count = 0
        self._unpublished = False
        self._news = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Self]:
        """Count the steps from now on, until the block is left."""
        steps, ready = cls(), asyncio.Event()
        reader = asyncio.create_task(steps._read(settings, ready))
        await ready.wait()
        try:
            yield steps
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _read(self, settings: Settings, ready: asyncio.Event) -> None:
        consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=None,
            fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(name(settings, "models"), 0)])
            await consumer.seek_to_end()
            ready.set()
            async for record in consumer:
                kind = dict(record.headers).get("ce_type")
                self.count += kind == _STEP
                if kind in {_STEP, _MARKER}:
                    self._unpublished = kind == _STEP
                self._news.set()
        finally:
            await consumer.stop()

    async def until(self, wanted: int) -> None:
        """Return once so many steps were seen; StackError where they stay away."""
        while self.count < wanted:
            await self._changed(f"{wanted - self.count} learning steps stay away")

    async def until_published(self) -> None:
        """Return once a marker stands behind the last step; StackError where none comes."""
        while self._unpublished:
            await self._changed("the publish marker stays away")

    async def _changed(self, missing: str) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._news.wait()
        except TimeoutError:
            raise StackError(f"{missing} for {_PATIENCE:.0f} s") from None

    async def messages(
        self, settings: Settings, count: int, publisher: Publisher, seen: Seen, *, seed: int
    ) -> list[str]:
        """Publish messages of as many campaigns, and return their ids once all are judged."""
        idents = []
        for campaign in campaigns(count, seed):
            envelope, raw = campaign.message(1)
            now = datetime.now(UTC)
            record: Any = message_record(
                name(settings, "messages"),
                replace(envelope, received_at=now),
                raw,
                source="/weir/bench",
                now=now,
            )
            await publisher.send(record)
            idents.append(envelope.id)
        await publisher.flush()
        await seen.of(idents, _PATIENCE + count / 50)
        return idents

    async def label(self, settings: Settings, idents: Sequence[str], publisher: Publisher) -> float:
        """Publish an analyst's label of each message; return when the last was taken."""
        topic = name(settings, "labels")
        for ident in idents:
            label = new_label(
                Target(id=ident),
                "spam",
                "analyst",
                given_at=datetime.now(UTC),
            )
            await publisher.send(label_record(topic, label, source="/weir/bench"))
        await publisher.flush()
        return time.perf_counter()
