"""The store in Redis (7.0 or newer): one script for each step of a batch.

Each is sent as text, so that no cache of scripts is needed (Redis forgets it when it restarts):
packing three commands a message in Python costs six times as much.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from features.envelope import LogPosition
from streams.connection import ssl_context
from streams.settings import Settings
from streams.stores.protocol import Found, Query, StoreError

__all__ = ["RedisStore", "open_redis"]

_DAY = 86_400
_HOUR = 3600
_CONNECTIONS = 8

# For each message the keys of its record, id and delivery; its place is kept under the last two.
_LOOK_UP = """
local found = {}
for at = 1, #KEYS, 3 do
  local place = ARGV[2 + (at - 1) / 3]
  found[at] = redis.call('GET', KEYS[at])
  found[at + 1] = redis.call('SET', KEYS[at + 1], place, 'NX', 'GET', 'EX', ARGV[1])
  found[at + 2] = redis.call('SET', KEYS[at + 2], place, 'NX', 'GET', 'EX', ARGV[1])
end
return found
"""
_RECORD = """
local found = {}
for at = 1, #KEYS do
  found[at] = redis.call('SET', KEYS[at], ARGV[1 + at], 'NX', 'GET', 'EX', ARGV[1])
end
return found
"""
# Number the places of an id in the order they were seen; only for ids seen twice or requeued. What
# keeps the numbers longest decides how long.
_REVISION = """
local n = redis.call('HGET', KEYS[1], ARGV[1])
if n then return tonumber(n) end
n = redis.call('HLEN', KEYS[1]) + 1
redis.call('HSET', KEYS[1], ARGV[1], n)
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return n
"""


def open_redis(settings: Settings, *, guarded: bool = False) -> Redis:
    """Return a client; it connects with its first command.

    One retry without a pause: after a restart of Redis every pooled connection is stale. A
    `guarded` one is left to its guard's time limit on each call, for a limit on each answer of a
    pipeline costs more than the answers. Raises SettingsError for a certificate file that can't
    be used.
    """
    section = settings.redis
    options: dict[str, Any] = {
        "socket_timeout": None if guarded else section.timeout_seconds,
        "socket_connect_timeout": section.timeout_seconds,
        "retry": Retry(NoBackoff(), 1),
        "max_connections": _CONNECTIONS,
        "timeout": section.timeout_seconds,
        "client_name": settings.kafka.client_id,
    }
    if section.tls or urlsplit(section.url).scheme == "rediss":
        ssl_context("redis", section.ssl_cafile, section.ssl_certfile, section.ssl_keyfile)
        options |= {
            "ssl_ca_certs": section.ssl_cafile or None,
            "ssl_certfile": section.ssl_certfile or None,
            "ssl_keyfile": section.ssl_keyfile or None,
        }
    if section.url:
        return Redis(connection_pool=BlockingConnectionPool.from_url(section.url, **options))
    options |= {
        "host": section.host,
        "port": section.port,
        "db": section.db,
        "username": section.username or None,
        "password": section.password or None,
        "connection_class": SSLConnection if section.tls else Connection,
    }
    return Redis(connection_pool=BlockingConnectionPool(**options))


class RedisStore:
    """Keeps records, ids, delivery keys, epochs and policies under the settings' key prefix."""

    def __init__(self, settings: Settings, client: Redis | None = None) -> None:
        self._redis = client or open_redis(settings)
        self._prefix = settings.redis.key_prefix
        self._record_seconds = max(1, int(settings.worker.records_hours * _HOUR))
        self._letter_seconds = max(_DAY, int(settings.topics.deadletter_hours * _HOUR))

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        if not queries:
            return []
        keys: list[str] = []
        places: list[str] = []
        for query in queries:
            keys += (
                self._record_key(query.position),
                f"{self._prefix}id:{query.id}",
                f"{self._prefix}delivery:{query.delivery_key}",
            )
            places.append(_place(query.position))
        script = self._redis.eval(_LOOK_UP, len(keys), *keys, _DAY, *places)
        answers = await self._answer("look_up", script)
        revisions = await self._revisions(queries, answers[1::3])
        found = []
        for place, verdict, revision, delivered in zip(
            places, answers[0::3], revisions, answers[2::3], strict=True
        ):
            retry = delivered is not None and delivered.decode() != place
            found.append(Found(verdict, revision, retry))
        return found

    async def _revisions(
        self, queries: Sequence[Query], firsts: Sequence[bytes | None]
    ) -> list[int]:
        numbered = [
            query.requeued or (first is not None and first.decode() != _place(query.position))
            for query, first in zip(queries, firsts, strict=True)
        ]
        if not any(numbered):
            return [0] * len(queries)
        pipe = self._redis.pipeline(transaction=False)
        for query, is_numbered in zip(queries, numbered, strict=True):
            if is_numbered:
                key = f"{self._prefix}revisions:{query.id}"
                seconds = self._letter_seconds if query.requeued else _DAY
                pipe.eval(_REVISION, 1, key, _place(query.position), str(seconds))
        numbers = iter(await self._answer("look_up", pipe.execute()))
        return [int(next(numbers)) if is_numbered else 0 for is_numbered in numbered]

    async def record(self, verdicts: Sequence[tuple[LogPosition, bytes]]) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        if not verdicts:
            return []
        keys = [self._record_key(position) for position, _ in verdicts]
        values = (verdict for _, verdict in verdicts)
        script = self._redis.eval(_RECORD, len(keys), *keys, self._record_seconds, *values)
        kept = await self._answer("record", script)
        return [
            verdict if old is None else cast("bytes", old)
            for (_, verdict), old in zip(verdicts, kept, strict=True)
        ]

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again."""
        if positions:
            keys = [self._record_key(position) for position in positions]
            await self._answer("forget", self._redis.unlink(*keys))

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
        key = f"{self._prefix}epoch:{topic}"
        old = await self._answer("epoch", self._redis.set(key, proposed, nx=True, get=True))
        return proposed if old is None else cast("bytes", old).decode()

    async def set_epoch(self, topic: str, epoch: str) -> None:
        """Store the epoch of a topic that was just created."""
        await self._answer("set_epoch", self._redis.set(f"{self._prefix}epoch:{topic}", epoch))

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy for good, so that replay can use it."""
        key = f"{self._prefix}policy:{digest}"
        await self._answer("keep_policy", self._redis.set(key, text))

    async def policy(self, digest: str) -> bytes | None:
        """Return a kept policy."""
        text = await self._answer("policy", self._redis.get(f"{self._prefix}policy:{digest}"))
        return cast("bytes | None", text)

    async def ping(self) -> None:
        """Return if Redis answers."""
        await self._answer("ping", self._redis.ping())

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose(close_connection_pool=True)

    def _record_key(self, position: LogPosition) -> str:
        return f"{self._prefix}verdict:{_place(position)}"

    async def _answer(self, what: str, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except (RedisError, OSError) as error:
            raise StoreError(f"redis: {what}: {type(error).__name__}: {error}") from error


def _place(position: LogPosition) -> str:
    return f"{position.epoch}:{position.partition}:{position.offset}"
