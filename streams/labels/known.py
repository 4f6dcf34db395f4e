"""What is known of messages that were judged: their place by id, their id by Message-ID."""

from collections.abc import Sequence
from typing import Final, Protocol, cast

from redis.asyncio import Redis

from features.context import Context
from features.entities import Namer
from features.envelope import LogPosition
from features.sender import index_keys
from streams.settings import Settings
from streams.stores import message_index
from streams.stores.protocol import Mention
from streams.stores.told import Told

__all__ = ["DAYS_BY_MESSAGE_ID", "Known", "KnownMessages", "ToldMessages"]

DAYS_BY_MESSAGE_ID: Final = message_index.SECONDS // 86_400
"""How long a message is known by its Message-ID; by its id it is for a day."""


class Known(Protocol):
    """Looks messages up; every method raises RedisError or StoreError where it can't."""

    async def positions(self, ids: Sequence[str]) -> list[LogPosition | None]:
        """Return where each message lies, by the id that it has with us; None where unknown."""
        ...

    async def by_message_id(
        self, message_ids: Sequence[str], context: Context, tenant: str
    ) -> list[Mention | None]:
        """Return which of the tenant's messages has each Message-ID (without brackets)."""
        ...


class KnownMessages:
    """Looks messages up under the settings' key prefix; raises RedisError where Redis is away."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._prefix = settings.redis.key_prefix

    async def positions(self, ids: Sequence[str]) -> list[LogPosition | None]:
        """Return where each message lies, by the id that it has with us; None where unknown."""
        if not ids:
            return []
        found = await self._redis.mget([f"{self._prefix}id:{each}" for each in ids])
        return [_position(cast("bytes | None", place)) for place in found]

    async def by_message_id(
        self, message_ids: Sequence[str], context: Context, tenant: str
    ) -> list[Mention | None]:
        """Return which of the tenant's messages has each Message-ID (without brackets)."""
        if not message_ids:
            return []
        namer = Namer(context, tenant)
        keys = [key for each in message_ids for key in index_keys(namer, each)]
        found = await self._redis.mget([f"{self._prefix}mentioned:{key.hex()}" for key in keys])
        entries = cast("list[bytes | None]", found)
        return [
            message_index.read(entry) if (entry := first or second) else None
            for first, second in zip(entries[::2], entries[1::2], strict=True)
        ]


class ToldMessages:
    """Looks messages up in what an embedded installation tells; raises StoreError."""

    def __init__(self, told: Told) -> None:
        self._told = told

    async def positions(self, ids: Sequence[str]) -> list[LogPosition | None]:
        """Return where each message lies, by the id that it has with us; None where unknown."""
        found = self._told.messages(ids)
        return [known.position if (known := found.get(each)) else None for each in ids]

    async def by_message_id(
        self, message_ids: Sequence[str], context: Context, tenant: str
    ) -> list[Mention | None]:
        """Return which of the tenant's messages has each Message-ID (without brackets)."""
        namer = Namer(context, tenant)
        keys = [index_keys(namer, each) for each in message_ids]
        found = self._told.mentioned([key for each in keys for key in each])
        return [next((found[key] for key in each if key in found), None) for each in keys]


def _position(place: bytes | None) -> LogPosition | None:
    if place is None:
        return None
    epoch, partition, offset = place.decode().split(":")
    return LogPosition(epoch, int(partition), int(offset))
