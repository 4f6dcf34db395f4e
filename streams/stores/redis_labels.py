"""What is kept of labels in Redis: plain keys beside the sender state's, changed by one script."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from redis.asyncio import Redis

from features.envelope import LogPosition
from features.reported import decode_reports, encode_reports
from features.rolling import Entity
from streams.stores.label_state import (
    Campaign,
    LabelChange,
    LabelRecord,
    LabelState,
    Reporter,
)
from streams.stores.round_trip import Command, Word, round_trip

__all__ = ["LabelKeys", "RedisLabels", "Seconds"]

# KEYS: what holds labels back, the place that they are applied up to, what has changed of late,
# then what is set. ARGV: the place that is expected ('' for none), the new one, how long it is
# kept, how many messages have changed; their last labels' offsets and ids; then seconds and value
# of each key that is set, where an empty value deletes it.
_KEEP: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
local place = 5 + 2 * ARGV[4]
for at = 5, place - 1, 2 do redis.call('ZADD', KEYS[3], ARGV[at], ARGV[at + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -@RECENT - 1)
for at = 4, #KEYS do
  local seconds, value = ARGV[place], ARGV[place + 1]
  if value == '' then redis.call('DEL', KEYS[at])
  else redis.call('SET', KEYS[at], value, 'EX', seconds) end
  place = place + 2
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3]) end
return 1
"""
_RECENT: Final = 4096  # messages
_SCAN: Final = 1000  # keys looked at in one round trip
_LABELLED: Final = msgspec.msgpack.Decoder(LabelRecord)
_CAMPAIGN_SECONDS: Final = 2 * 86_400
_CAMPAIGN: Final = msgspec.msgpack.Decoder(Campaign)
_REPORTER: Final = msgspec.msgpack.Decoder(Reporter)
_GLOB: Final = re.compile(r"([*?\[\]\\])")  # a prefix may have any printable character
_ESCAPED: Final = r"\\\1"
_encode: Final = msgspec.msgpack.Encoder().encode


class Seconds(NamedTuple):
    """How long it is kept: labelled messages and reporters, and reports with entities."""

    labels: int
    reports: int


class LabelKeys:
    """Names of keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._reports = f"{prefix}reports:"
        self.applied = f"{prefix}labels:applied"
        self.held = f"{prefix}labels:held"
        self.recent = f"{prefix}labels:recent"
        self.every_labelled = f"{_GLOB.sub(_ESCAPED, prefix)}labelled:*"

    def labelled(self, message: str) -> str:
        """Return the key of a labelled message."""
        return f"{self._prefix}labelled:{message}"

    def label(self, label: str) -> str:
        """Return the key under which a label's message is found."""
        return f"{self._prefix}label:{label}"

    def reporter(self, who: bytes) -> str:
        """Return the key of a reporter, named as in Report.who."""
        return f"{self._prefix}reporter:{who.hex()}"

    def reports(self, entity: Entity) -> str:
        """Return the key of an entity's standing reports."""
        return f"{self._reports}{entity.kind.code}{entity.key.hex()}"

    def campaign(self, entity: Entity) -> str:
        """Return the key of how much was taught of some content."""
        return f"{self._prefix}campaign:{entity.key.hex()}"


class RedisLabels:
    """Labels under one prefix; errors of Redis pass through."""

    def __init__(self, redis: Redis, prefix: str, seconds: Seconds) -> None:
        self._redis = redis
        self._seconds = seconds
        self.keys = LabelKeys(prefix)

    async def state(
        self, messages: Sequence[str], reporters: Sequence[bytes], entities: Sequence[Entity]
    ) -> LabelState:
        """Return what is kept of messages, reporters and entities, by one command."""
        keys = self.keys
        asked = [
            keys.applied,
            *map(keys.labelled, messages),
            *map(keys.reporter, reporters),
            *map(keys.reports, entities),
            *map(keys.campaign, entities),
        ]
        (values,) = await self._send([("MGET", *asked)])
        found = iter(values)
        applied = next(found)
        return LabelState(
            _place(applied) if applied else None,
            {name: _LABELLED.decode(value) for name in messages if (value := next(found))},
            {name: _REPORTER.decode(value) for name in reporters if (value := next(found))},
            {entity.key: decode_reports(value) for entity in entities if (value := next(found))},
            {entity.key: _CAMPAIGN.decode(value) for entity in entities if (value := next(found))},
        )

    async def keep(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False where another place is applied, or labels are held."""
        keys, long = self.keys, self._seconds.labels
        named: list[Word] = []
        values: list[Word] = []
        recent: list[Word] = []
        for each in change.labelled:
            named.append(keys.labelled(each.message))
            values += (long, _encode(each))
            recent += (each.last, each.message)
        for who, reporter in change.reporters.items():
            named.append(keys.reporter(who))
            values += (long, _encode(reporter) if reporter else b"")
        for label, message in change.labels.items():
            named.append(keys.label(label))
            values += (long, message)
        for entity, reports in change.reports.items():
            named.append(keys.reports(entity))
            values += (self._seconds.reports, encode_reports(reports) if reports else b"")
        for entity, campaign in change.campaigns.items():
            named.append(keys.campaign(entity))
            values += (_CAMPAIGN_SECONDS, _encode(campaign))
        places = (_written(change.expected), _written(change.applied), long)
        own = (keys.held, keys.applied, keys.recent)
        numbers = (*places, len(recent) // 2, *recent)
        script = _KEEP.replace("@RECENT", str(_RECENT))
        command = ("EVAL", script, len(own) + len(named), *own, *named, *numbers, *values)
        (kept,) = await self._send([command])
        return bool(kept)

    async def hold(self, seconds: int) -> None:
        """Let no change be kept for some time: a rebuild counts what is kept."""
        await self._redis.set(self.keys.held, 1, ex=seconds)

    async def renew(self, seconds: int) -> None:
        """Hold changes back for some more time, if they are."""
        await self._redis.set(self.keys.held, 1, ex=seconds, xx=True)

    async def release(self) -> None:
        """Let changes be kept again."""
        await self._redis.delete(self.keys.held)

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label is of, None where unknown."""
        if not labels:
            return []
        (values,) = await self._send([("MGET", *map(self.keys.label, labels))])
        return [value and value.decode() for value in values]

    async def every_labelled(self) -> AsyncIterator[LabelRecord]:
        """Yield every labelled message; one that is labelled meanwhile may be missing."""
        batch: list[Any] = []
        async for key in self._redis.scan_iter(match=self.keys.every_labelled, count=_SCAN):
            batch.append(key)
            if len(batch) == _SCAN:
                for record in await self._records(batch):
                    yield record
                batch = []
        for record in await self._records(batch):
            yield record

    async def labelled_since(self, offset: int) -> list[LabelRecord] | None:
        """Return the messages with a label behind an offset; None where they are too many to tell.

        It takes moments, where looking through every key may take minutes.
        """
        ids, count = await self._send(
            [
                ("ZRANGEBYSCORE", self.keys.recent, f"({offset}", "+inf"),
                ("ZCARD", self.keys.recent),
            ]
        )
        if count and len(ids) >= _RECENT:
            return None
        return await self._records([self.keys.labelled(it.decode()) for it in ids])

    async def _records(self, keys: Sequence[Word]) -> list[LabelRecord]:
        if not keys:
            return []
        (values,) = await self._send([("MGET", *keys)])
        return [_LABELLED.decode(value) for value in values if value]

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        answers = await round_trip(self._redis, commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _written(place: LogPosition | None) -> str:
    return "" if place is None else f"{place.epoch}:{place.partition}:{place.offset}"


def _place(written: bytes) -> LogPosition:
    epoch, partition, offset = written.decode().rsplit(":", 2)
    return LogPosition(epoch, int(partition), int(offset))
