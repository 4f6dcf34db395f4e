"""Topics for the benchmark of faults: read as they grow, made anew, filled with judged mail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.bench.campaigns import campaigns
from apps.local.errors import StackError
from apps.publishing import open_publisher
from streams.connection import client_options
from streams.reader import open_reader
from streams.settings import Settings
from streams.stores.redis_store import RedisStore
from streams.topics import Role, create, name
from streams.wire import message_record

__all__ = ["TopicTail", "judged_messages", "make_anew"]

_COPIES: Final = 2  # of each campaign
_PATIENCE: Final = 90.0  # seconds
_WAIT_MS: Final = 200
_PAUSE: Final = 0.2  # seconds


class TopicTail:
    """Reads all partitions of a topic from their beginning."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, role: Role) -> AsyncIterator[Self]:
        """Open a topic; TopicError where brokers can't be reached."""
        async with open_reader(settings) as consumer:
            count = settings.topics.partitions if role in ("messages", "verdicts") else 1
            places = [TopicPartition(name(settings, role), number) for number in range(count)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
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


async def judged_messages(settings: Settings, count: int, seed: int) -> list[str]:
    """Publish copies of campaigns, and return their ids once each has a verdict."""
    idents = []
    async with open_publisher(settings) as publisher:
        for number in range(_COPIES):
            for campaign in campaigns(count // _COPIES, seed):
                envelope, raw = campaign.message(number)
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
    missing = {ident.encode() for ident in idents}
    try:
        async with asyncio.timeout(_PATIENCE), TopicTail.opened(settings, "verdicts") as verdicts:
            while missing:
                missing -= {record.key for record in await verdicts.more()}
    except TimeoutError:
        raise StackError(f"{len(missing)} verdicts stay away for {_PATIENCE:.0f} s") from None
    return idents


async def make_anew(settings: Settings, role: Role) -> None:
    """Delete a topic and create it again, empty and with an epoch of its own."""
    topic = name(settings, role)
    admin = AIOKafkaAdminClient(**client_options(settings))
    store = RedisStore(settings)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        async with asyncio.timeout(_PATIENCE):
            while topic not in await create(settings, store.set_epoch):  # noqa: ASYNC110 - a topic
                await asyncio.sleep(_PAUSE)  # that is being deleted has no event
    except KafkaError as error:
        raise StackError(f"{topic}: can't be made anew: {error}") from None
    finally:
        await admin.close()
        await store.close()
