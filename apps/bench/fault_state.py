"""What labels left behind, read back: their counts in Redis, their steps in the topic of models."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

from redis.asyncio import Redis

from features.rolling import Entity
from streams.labels.ledger import counted_for
from streams.model_records import Marker, StepRecord, read_model_record
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore

__all__ = ["Counted", "Learned", "copy_keys", "read_counted", "read_learned"]

_ALL: Final = 1 << 63  # offsets
_KEPT: Final = ("labelled:", "label:", "labels:applied", "reporter:", "reports:", "campaign:")
_SCAN: Final = 1000


class Counted(NamedTuple):
    """What counting has left.

    `heard` says how often each label was heard, by offset. `totals` are the counters of spam and
    ham of every entity of a labelled message, `wanted` what they would be by what was heard.
    `kept` are all other keys of labels, without the prefix.
    """

    heard: Counter[int]
    totals: dict[str, tuple[float, float]]
    wanted: dict[str, tuple[float, float]]
    kept: dict[str, bytes]


class Learned(NamedTuple):
    """The steps that count, in their order: label's offset, sequence, when it was taken (s).

    `digest` is the last marker's, `revoked` how many steps markers have taken back.
    """

    offsets: list[int]
    sequences: list[int]
    times: list[float]
    digest: str
    revoked: int


async def read_counted(store: RedisStore, redis: Redis, prefix: str) -> Counted:
    """Read what is kept of labels under a prefix of keys."""
    heard: Counter[int] = Counter()
    entities: dict[str, Entity] = {}
    memory = MemoryStore()
    async for record in store.labels.every_labelled():
        heard.update(voice.offset for voice in record.voices)
        await memory.count([Move(None, record.at, counted_for(record, -1, _ALL))])
        entities |= {each.label: each.entity for each in record.touched}
    totals, wanted = {}, {}
    for label, entity in sorted(entities.items()):
        if {"spam", "ham"} <= entity.kind.codes.keys():
            totals[label], wanted[label] = [
                (found.total("spam"), found.total("ham")) if found is not None else (0.0, 0.0)
                for found in (await store.read(entity), await memory.read(entity))
            ]
    kept: dict[str, bytes] = {}
    async for key in redis.scan_iter(match=f"{prefix}*", count=_SCAN):
        name = key.decode().removeprefix(prefix)
        if name.startswith(_KEPT):
            kept[name] = cast("bytes", await redis.get(key) or b"")
    return Counted(heard, totals, wanted, kept)


def read_learned(records: Iterable[Any]) -> Learned:
    """Read the steps that count: what an older learner writes behind a claim doesn't."""
    fence, last = 0, 0
    found = Learned([], [], [], "", 0)
    for each in records:
        record = read_model_record(each.headers, each.value)
        if record.fence < fence:
            continue
        fence = record.fence
        if isinstance(record, StepRecord) and record.sequence > last:
            found.offsets.append(record.labels.offset)
            found.sequences.append(record.sequence)
            found.times.append(each.timestamp / 1000)
            last = record.sequence
        elif isinstance(record, Marker):
            revoked = sum(end - first + 1 for first, end in record.revoked)
            found = found._replace(digest=record.digest, revoked=found.revoked + revoked)
    return found


async def copy_keys(redis: Redis, prefix: str, other: str) -> int:
    """Copy all keys under a prefix to another one; return how many there were."""
    keys = [key async for key in redis.scan_iter(match=f"{prefix}*", count=_SCAN)]
    for key in keys:
        content, left = await redis.dump(key), await redis.pttl(key)
        name = other.encode() + key.removeprefix(prefix.encode())
        if content is not None:  # else it has just expired
            await redis.restore(name, max(0, left), content, replace=True)
    return len(keys)
