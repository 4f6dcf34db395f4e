"""The store in Redis (7.0 or newer): one round trip for each step of a batch.

The small scripts are sent as text, so that no cache of scripts is needed (Redis forgets it when it
restarts): packing three commands a message in Python costs six times as much.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from features.envelope import LogPosition
from features.rolling import Entity, Increment, Reading
from streams.connection import ssl_context
from streams.settings import Settings
from streams.stores import message_index
from streams.stores.beside import Beside
from streams.stores.label_state import LabelChange, LabelState
from streams.stores.namespaces import Namespaces
from streams.stores.protocol import (
    Advanced,
    Found,
    Keeping,
    Move,
    Query,
    StateMovingError,
    StoreError,
    Usage,
)
from streams.stores.redis_labels import RedisLabels, Seconds
from streams.stores.redis_state import RedisState
from streams.stores.rolling_redis import Layout
from streams.stores.round_trip import Word

__all__ = ["RedisStore", "open_redis"]

_DAY = 86_400
_HOUR = 3600
_CONNECTIONS = 8

# For each message the keys of its record, id, delivery and text ('' if unknown); its place is kept
# under the last three. The last key tells whether any label is kept.
_LOOK_UP = """
local found = {}
for at = 1, #KEYS - 1, 4 do
  local place = ARGV[2 + (at - 1) / 4]
  found[at] = redis.call('GET', KEYS[at])
  for key = at + 1, at + 3 do
    found[key] = KEYS[key] ~= ''
      and redis.call('SET', KEYS[key], place, 'NX', 'GET', 'EX', ARGV[1])
  end
end
found[#KEYS] = redis.call('EXISTS', KEYS[#KEYS])
return found
"""
# First the records' keys, then those of the index of Message-IDs. ARGV: how many records, seconds
# of records, seconds of the index, then all values.
_RECORD = """
local found = {}
for at = 1, tonumber(ARGV[1]) do
  found[at] = redis.call('SET', KEYS[at], ARGV[3 + at], 'NX', 'GET', 'EX', ARGV[2])
end
for at = ARGV[1] + 1, #KEYS do
  redis.call('SET', KEYS[at], ARGV[3 + at], 'NX', 'EX', ARGV[3])
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
    """Return a client; it connects with its first command, and its pool is closed with it.

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
        return Redis.from_pool(BlockingConnectionPool.from_url(section.url, **options))
    options |= {
        "host": section.host,
        "port": section.port,
        "db": section.db,
        "username": section.username or None,
        "password": section.password or None,
        "connection_class": SSLConnection if section.tls else Connection,
    }
    return Redis.from_pool(BlockingConnectionPool(**options))


class RedisStore:
    """Keeps records, ids, keys, sender state, epochs and policies under the settings' key prefix.

    The sender state is that of `namespace`, else of the one in use. Raises ValueError for a budget
    of `state.budgets` that can't be read.
    """

    def __init__(
        self, settings: Settings, client: Redis | None = None, *, namespace: str = ""
    ) -> None:
        self._redis = client or open_redis(settings)
        self._prefix = settings.redis.key_prefix
        self._record_seconds = max(1, int(settings.worker.records_hours * _HOUR))
        self._letter_seconds = max(_DAY, int(settings.topics.deadletter_hours * _HOUR))
        layout = Layout(self._prefix, settings.state.shards, settings.state.of_kinds())
        self._state = RedisState(self._redis, layout, namespace)
        seconds = Seconds(
            max(1, int(settings.topics.labels_hours * _HOUR)),
            max(1, int(settings.state.reports_hours * _HOUR)),
        )
        self._labels = RedisLabels(self._redis, self._prefix, seconds)
        self._beside = Beside(self._labels.keys, f"{self._prefix}mentioned:")

    @property
    def namespaces(self) -> Namespaces:
        """The namespaces of the sender state; their methods raise RedisError."""
        return self._state.namespaces

    @property
    def labels(self) -> RedisLabels:
        """Labels, for who mends or forgets them; its methods raise RedisError or OSError."""
        return self._labels

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
                query.message_key and f"{self._prefix}text:{query.message_key}",
            )
            places.append(_place(query.position))
        keys.append(self._labels.keys.applied)
        script = self._redis.eval(_LOOK_UP, len(keys), *keys, _DAY, *places)
        *answers, labelled = await self._answer("look_up", script)
        self._beside.looked(labelled=bool(labelled))
        revisions = await self._revisions(queries, answers[1::4])
        found = []
        for place, verdict, revision, delivered, text in zip(
            places, answers[0::4], revisions, answers[2::4], answers[3::4], strict=True
        ):
            retry = delivered is not None and delivered.decode() != place
            split = not retry and text is not None and text.decode() != place
            found.append(Found(verdict, revision, retry, split))
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

    async def advance(self, moves: Sequence[Move]) -> list[Advanced]:
        """Apply the arrival step of each message, in order, and return its readings.

        Raises StateMovingError while the state is being switched.
        """
        if not moves:
            return []
        asked = self._beside.ask(moves)
        others = [asked.command] if asked else []
        answer = await self._answer("advance", self._state.apply("arrival", moves, *others))
        problem = next(
            (each for each in (answer.problem, *answer.others) if isinstance(each, Exception)), None
        )
        if isinstance(problem, StoreError):
            raise problem
        if problem is not None:
            raise _failure("advance", problem) from problem
        readings = answer.calls.readings(answer.records)
        if asked is None:
            return [Advanced(each) for each in readings]
        beside = self._beside.read(asked, answer.others[0])
        return [Advanced(each, *read) for each, read in zip(readings, beside, strict=True)]

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move] = ()) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins.

        Outcomes that Redis refuses are taken for lost. Raises StateMovingError, with the verdicts,
        while the state is being switched.
        """
        if not kept and not outcomes:
            return []
        indexed = [each for each in kept if each.message_id]
        keys: list[Word] = [self._record_key(each.position) for each in kept]
        keys += [self._mention_key(each.message_id) for each in indexed]
        values: list[Word] = [each.verdict for each in kept]
        values += [message_index.written(each) for each in indexed]
        counts = (len(kept), self._record_seconds, message_index.SECONDS)
        command = ("EVAL", _RECORD, len(keys), *keys, *counts, *values)
        answer = await self._answer("record", self._state.apply("outcome", outcomes, command))
        (found,) = answer.others
        if isinstance(found, Exception):
            raise _failure("record", found) from found
        verdicts = [
            each.verdict if old is None else cast("bytes", old)
            for each, old in zip(kept, found, strict=True)
        ]
        if isinstance(answer.problem, StateMovingError):
            answer.problem.verdicts = verdicts
            raise answer.problem
        return verdicts

    async def count(self, moves: Sequence[Move]) -> None:
        """Apply outcomes that whoever calls sends again until they are applied.

        Raises StateMovingError while the state is being switched.
        """
        if not moves:
            return
        answer = await self._answer("count", self._state.apply("outcome", moves, again=True))
        if isinstance(answer.problem, StoreError):
            raise answer.problem
        if answer.problem is not None:
            raise _failure("count", answer.problem) from answer.problem

    async def recorded(self, positions: Sequence[LogPosition]) -> list[bytes]:
        """Return the recorded verdicts of places, of those that have one."""
        if not positions:
            return []
        keys = [self._record_key(position) for position in positions]
        return [it for it in await self._answer("recorded", self._redis.mget(keys)) if it]

    async def marks(self, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition of the mail log.

        Raises LayoutError if the state was created with another number of shards.
        """
        name = await self._answer("marks", self._state.namespace())
        found = await self._answer("marks", self.namespaces.marks(name, epoch))
        return cast("dict[int, int]", found)

    def missed(self) -> None:
        """Take note that increments were lost: a call of `advance` or its outcomes wasn't made."""
        self._state.missed()

    async def lost(self) -> bool:
        """Tell whether increments were lost since the state was created or rebuilt."""
        return bool(await self._answer("lost", self._state.lost()))

    async def read(self, entity: Entity, at: float = 0.0) -> Reading | None:
        """Return what is kept of an entity at time `at` (seconds), its last sight if later."""
        (found,) = await self.advance([Move(None, at, (Increment(entity),))])
        return found.readings[0]

    async def forget_entities(self, entities: Sequence[Entity]) -> int:
        """Delete what is kept of entities; return of how many something was kept."""
        name = await self._answer("forget_entities", self._state.namespace())
        forgotten = self.namespaces.forget(name, entities)
        return int(await self._answer("forget_entities", forgotten))

    async def forget_person(self, person: str) -> int:
        """Delete what is kept of an address (its keyed hash); return of how many entities."""
        name = await self._answer("forget_person", self._state.namespace())
        forgotten = self.namespaces.forget_person(name, person)
        return int(await self._answer("forget_person", forgotten))

    async def usage(self) -> Mapping[str, Usage]:
        """Return what is kept of each kind of entity."""
        name = await self._answer("usage", self._state.namespace())
        found = await self._answer("usage", self.namespaces.usage(name))
        return cast("Mapping[str, Usage]", found)

    async def label_state(
        self,
        messages: Sequence[str] = (),
        reporters: Sequence[bytes] = (),
        entities: Sequence[Entity] = (),
    ) -> LabelState:
        """Return what is kept of messages, reporters and entities, as of one moment."""
        found = await self._answer("labels", self._labels.state(messages, reporters, entities))
        return cast("LabelState", found)

    async def keep_labels(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False, and nothing changed, where `expected` isn't so."""
        return bool(await self._answer("labels", self._labels.keep(change)))

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label (by id) is of, None where unknown."""
        found = await self._answer("labels", self._labels.messages_of(labels))
        return cast("list[str | None]", found)

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

    async def stored_epoch(self, topic: str) -> str | None:
        """Return the topic's epoch, None where none is stored."""
        found = await self._answer("epoch", self._redis.get(f"{self._prefix}epoch:{topic}"))
        return None if found is None else cast("bytes", found).decode()

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
        await self._redis.aclose()

    def _record_key(self, position: LogPosition) -> str:
        return f"{self._prefix}verdict:{_place(position)}"

    def _mention_key(self, message_id: bytes) -> str:
        return f"{self._prefix}mentioned:{message_id.hex()}"

    async def _answer(self, what: str, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except (RedisError, OSError) as error:
            raise _failure(what, error) from error


def _failure(what: str, error: Exception) -> StoreError:
    return StoreError(f"redis: {what}: {type(error).__name__}: {error}")


def _place(position: LogPosition) -> str:
    return f"{position.epoch}:{position.partition}:{position.offset}"
