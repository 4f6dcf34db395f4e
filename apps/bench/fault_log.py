"""Topics for the benchmark of faults: filled with judged mail, made anew."""

import asyncio
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.bench.arriving import arriving
from apps.bench.campaigns import campaigns
from apps.bench.topic_tail import TopicTail
from apps.local.errors import StackError
from apps.publishing import open_publisher
from streams.connection import client_options
from streams.settings import Settings
from streams.stores.redis_store import RedisStore
from streams.topics import Role, create, name

__all__ = ["judged_messages", "make_anew"]

_COPIES: Final = 2  # of each campaign
_PATIENCE: Final = 90.0  # seconds
_PAUSE: Final = 0.2  # seconds


async def judged_messages(settings: Settings, count: int, seed: int) -> list[str]:
    """Publish copies of campaigns, and return their ids once each has a verdict."""
    idents = []
    async with open_publisher(settings) as publisher:
        for number in range(_COPIES):
            for campaign in campaigns(count // _COPIES, seed):
                envelope, raw = campaign.message(number)
                await publisher.send(arriving(name(settings, "messages"), envelope, raw))
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
