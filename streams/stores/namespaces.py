"""Namespaces of the state in Redis: one is in use, a rebuild fills another and switches to it."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from redis.asyncio import Redis

from features.entities import concerns
from features.envelope import LogPosition
from features.rolling import KINDS, Entity, Kind
from streams.stores.budgets import SEGMENTS, shard_of
from streams.stores.protocol import LayoutError, StoreError, Usage
from streams.stores.rolling_redis import Layout, mark_of
from streams.stores.rolling_script import SHELF, slot_of

__all__ = ["CLAIM_SECONDS", "InUse", "Namespaces"]

CLAIM_SECONDS: Final = 60
"""How long a rebuild that has died keeps others from beginning."""
_TRIES = 5
_PEOPLE: Final = frozenset({"domain", "address", "route", "account", "pair", "name"})
"""Kinds whose names may hold people."""


class InUse(NamedTuple):
    """The namespace in use; `created` tells that there was none before."""

    name: str
    created: bool


class Namespaces:
    """The namespaces under one layout; errors of Redis pass through.

    A namespace is open from its creation until it is closed; only an open one takes increments,
    so that a worker that hasn't heard of a switch changes nothing and looks where it went.
    """

    def __init__(self, redis: Redis, layout: Layout) -> None:
        self._redis = redis
        self._layout = layout

    async def current(self) -> InUse:
        """Return the namespace in use; the first to ask creates it.

        Raises LayoutError if it was created with another number of shards.
        """
        for _ in range(_TRIES):
            proposed = uuid.uuid4().hex[:12]
            answer = await self._redis.set(self._layout.pointer, proposed, nx=True, get=True)
            name = proposed if answer is None else cast("bytes", answer).decode()
            shards = await self._redis.get(self._layout.about(name))
            if shards is None:
                await self.create(name)
                if await self._redis.get(self._layout.pointer) != name.encode():
                    continue  # switched meanwhile
            elif int(shards) != self._layout.shards:
                raise LayoutError(
                    f"state.shards = {self._layout.shards}; allowed: {int(shards)}, the number "
                    "that the state in Redis was created with"
                )
            return InUse(name, created=answer is None)
        raise StoreError("redis: state: the namespace in use changes too often")

    async def create(self, name: str) -> None:
        """Create a namespace, open and empty; one that exists stays as it is."""
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._layout.shards):
            pipe.hsetnx(self._layout.bookkeeping(name, shard), "state", "open")
        pipe.set(self._layout.about(name), self._layout.shards, nx=True)
        await pipe.execute()

    async def close(self, name: str) -> None:
        """Let a namespace take no more increments."""
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._layout.shards):
            pipe.hset(self._layout.bookkeeping(name, shard), "state", "closed")
        await pipe.execute()

    async def reopen(self, name: str) -> None:
        """Let a namespace that was closed take increments again, if it is the one in use."""
        if await self._redis.get(self._layout.pointer) != name.encode():
            return
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._layout.shards):
            pipe.hset(self._layout.bookkeeping(name, shard), "state", "open")
        await pipe.execute()

    async def switch(self, name: str) -> None:
        """Make a namespace the one in use."""
        await self._redis.set(self._layout.pointer, name)

    async def claim(self, name: str) -> None:
        """Create a namespace that is to be filled; raises StoreError while another one is.

        What a rebuild that died has left behind is dropped.
        """
        if not await self._redis.set(self._layout.claimed, name, nx=True, ex=CLAIM_SECONDS):
            raise StoreError(
                "redis: state: another rebuild is under way; if it was killed, try again in "
                f"{CLAIM_SECONDS} s"
            )
        left = await self._redis.get(self._layout.unfinished)
        if left and left != await self._redis.get(self._layout.pointer):
            await self.drop(cast("bytes", left).decode())
        await self._redis.set(self._layout.unfinished, name)
        await self.create(name)

    async def renew(self, name: str) -> None:
        """Keep others from filling a namespace for some more time."""
        await self._redis.set(self._layout.claimed, name, xx=True, ex=CLAIM_SECONDS)

    async def release(self, name: str) -> None:
        """Let others fill a namespace again."""
        if await self._redis.get(self._layout.claimed) == name.encode():
            await self._redis.delete(self._layout.claimed, self._layout.unfinished)

    async def drop(self, name: str) -> None:
        """Delete a namespace; raises StoreError for the one in use."""
        if await self._redis.get(self._layout.pointer) == name.encode():
            raise StoreError(f"redis: state: namespace {name} is in use")
        await self.close(name)
        for shard, segments in enumerate(await self._segments(name)):
            keys = [
                key for kind in KINDS.values() for key in self._keys(name, shard, kind, segments)
            ]
            await self._redis.unlink(*keys, self._layout.bookkeeping(name, shard))
        await self._redis.unlink(self._layout.about(name), self._layout.lost(name))

    async def note_loss(self, name: str) -> None:
        """Keep when increments were first lost."""
        await self._redis.set(self._layout.lost(name), f"{time.time():.0f}", nx=True)

    async def marks(self, name: str, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition."""
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._layout.shards):
            pipe.hgetall(self._layout.bookkeeping(name, shard))
        highest: dict[int, int] = {}
        for book in await pipe.execute():
            for field, offset in book.items():
                place, _, rest = field.decode().partition("|")
                if rest and place == epoch:
                    partition = int(rest.partition("|")[0])
                    highest[partition] = max(highest.get(partition, -1), int(offset))
        return highest

    async def mark(self, name: str, place: LogPosition) -> None:
        """Let every shard take outcomes up to a place for applied."""
        pipe = self._redis.pipeline(transaction=False)
        field = mark_of(place.epoch, place.partition, "outcome")
        for shard in range(self._layout.shards):
            pipe.hset(self._layout.bookkeeping(name, shard), field, place.offset)
        await pipe.execute()

    async def forget(self, name: str, entities: Sequence[Entity]) -> int:
        """Delete what is kept of entities; return of how many something was kept."""
        segments = await self._segments(name)
        pipe = self._redis.pipeline(transaction=False)
        counts = []
        for entity in entities:
            shard = shard_of(entity.key, self._layout.shards)
            keys = self._keys(name, shard, entity.kind, segments[shard])
            counts.append(len(keys))
            for key in keys:
                pipe.hdel(key, entity.key)
        deleted = iter(await pipe.execute() if any(counts) else ())
        return sum(sum(next(deleted) for _ in range(count)) > 0 for count in counts)

    async def forget_person(self, name: str, person: str) -> int:
        """Delete what is kept of an address (its keyed hash); return of how many entities.

        Looks through all that is kept of people; beside keys that bear the person's mark, records
        of names whose tag is that person are deleted.
        """
        deleted = 0
        for shard, segments in enumerate(await self._segments(name)):
            for kind in KINDS.values():
                if kind.name not in _PEOPLE:
                    continue
                for key in self._keys(name, shard, kind, segments):
                    found = [
                        field
                        async for field, record in self._redis.hscan_iter(key, count=1000)
                        if concerns(field, person)
                        or (kind.tagged and record[kind.size :] == person.encode())
                    ]
                    if found:
                        deleted += int(await self._redis.hdel(key, *found))
        return deleted

    async def usage(self, name: str) -> Mapping[str, Usage]:
        """Return what is kept of each kind."""
        pipe = self._redis.pipeline(transaction=False)
        asked: list[tuple[Kind, bool]] = []
        for shard, segments in enumerate(await self._segments(name)):
            for kind in KINDS.values():
                for full, keys in self._by_class(name, shard, kind, segments).items():
                    for key in keys:
                        pipe.hlen(key)
                        pipe.memory_usage(key, samples=20)
                        asked.append((kind, full))
        answers: list[Any] = await pipe.execute() if asked else []
        usage = dict.fromkeys(KINDS, Usage(0, 0, 0))
        for (kind, full), entries, size in zip(asked, answers[0::2], answers[1::2], strict=True):
            held = usage[kind.name]
            usage[kind.name] = Usage(
                held.entities + (entries if full else 0),
                held.sightings + (0 if full else entries),
                held.bytes + (size or 0),
            )
        return usage

    async def _segments(self, name: str) -> list[bytes]:
        pipe = self._redis.pipeline(transaction=False)
        for shard in range(self._layout.shards):
            pipe.hget(self._layout.bookkeeping(name, shard), "segments")
        return [segments or b"" for segments in await pipe.execute()]

    def _keys(self, name: str, shard: int, kind: Kind, segments: bytes) -> list[str]:
        classes = self._by_class(name, shard, kind, segments)
        return [*classes[True], *classes[False]]

    def _by_class(
        self, name: str, shard: int, kind: Kind, segments: bytes
    ) -> dict[bool, list[str]]:
        """Return the keys of a kind's segments, of full records (True) and of sightings."""
        if not segments:
            return {True: [], False: []}
        full, fulls, _, small, smalls, _ = SHELF.unpack_from(segments, slot_of(kind) * SHELF.size)
        base = self._layout.bookkeeping(name, shard)[:-1]
        assert max(fulls, smalls) <= SEGMENTS
        return {
            True: [f"{base}f{kind.code}{number % 8}" for number in range(full, full - fulls, -1)],
            False: [
                f"{base}s{kind.code}{number % 8}" for number in range(small, small - smalls, -1)
            ],
        }
