"""The sender state made anew from the log: into a fresh namespace, which then takes over.

Workers go on meanwhile with the old one. For the switch it is closed, what they added to it since
is read from the log too, and they go on with the new one where they were: marks tell each message
that was counted.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.state.outcomes_read import Outcomes
from features.context import Context
from features.delivery import delivery_keys
from features.evidence import extract
from features.sender import Touches, narrowed, outcome, read_history
from streams.connection import client_options
from streams.sender_state import moment
from streams.settings import Settings
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Found, Move, Query
from streams.stores.redis_store import RedisStore
from streams.topics import Role, TopicError, check, name, unreachable
from streams.wire import Arrival, read_arrival

__all__ = ["Rebuilt", "rebuild"]

_BATCH = 64  # messages
_WAIT_MS = 500

Told = Callable[[int, int], None]


class Rebuilt(NamedTuple):
    """What a rebuild read: messages, and how many of them had a verdict; the new namespace."""

    messages: int
    judged: int
    namespace: str


async def rebuild(settings: Settings, context: Context, told: Told) -> Rebuilt:
    """Rebuild the state from what the mail log and the verdicts still hold, and switch to it.

    `told(done, total)` hears of messages read, and of how many there are. Raises TopicError or
    StoreError where Kafka or Redis can't be used; the state in use stays in use then.
    """
    counts = await check(settings)
    fresh = uuid.uuid4().hex[:12]
    current = RedisStore(settings)
    store = RedisStore(settings, namespace=fresh)
    try:
        epoch = await current.epoch(name(settings, "messages"), uuid.uuid4().hex[:8])
        old = (await current.namespaces.current()).name
        await current.namespaces.create(fresh)
        async with (
            _log(settings, "messages", counts) as log,
            _log(settings, "verdicts", counts) as verdicts,
        ):
            source = _Source(log, verdicts, Outcomes(epoch), epoch)
            filling = _Filling(store, context, source.outcomes)
            try:
                await source.read_verdicts()
                # Messages that are being judged now are left to the end, with their outcomes.
                judged = dict(source.outcomes.ends())
                await _fill(source, filling, judged, told)
                await current.namespaces.close(old)
                await source.read_verdicts()
                marks = await current.marks(epoch)
                await _fill(source, filling, {n: mark + 1 for n, mark in marks.items()}, told)
                await current.namespaces.switch(fresh)
            except BaseException:
                await current.namespaces.reopen(old)
                await current.namespaces.drop(fresh)
                raise
            await current.namespaces.drop(old)
        return Rebuilt(filling.messages, filling.judged, fresh)
    finally:
        await store.close()
        await current.close()


async def _fill(
    source: "_Source", filling: "_Filling", ends: Mapping[int, int], told: Told
) -> None:
    async for arrivals in source.messages(ends):
        await filling.add(arrivals)
        told(filling.messages, filling.messages + await source.left(ends))


class _Source:
    """The mail log and the verdicts, each read on from where the last reading ended."""

    def __init__(self, log: Any, verdicts: Any, outcomes: Outcomes, epoch: str) -> None:
        self._log = log
        self._verdicts = verdicts
        self._epoch = epoch
        self.outcomes = outcomes

    async def read_verdicts(self) -> None:
        """Read all verdicts that are there now."""
        partitions = self._verdicts.assignment()
        ends = await self._verdicts.end_offsets(partitions)
        async for records in _until(self._verdicts, ends):
            for record in records:
                self.outcomes.add(record.value or b"")

    async def messages(self, ends: Mapping[int, int]) -> AsyncIterator[list[Arrival]]:
        """Yield batches of messages below the given offset of each partition."""
        wanted = {tp: ends[tp.partition] for tp in self._log.assignment() if tp.partition in ends}
        async for records in _until(self._log, wanted):
            for first in range(0, len(records), _BATCH):
                yield [self._arrival(record) for record in records[first : first + _BATCH]]

    async def left(self, ends: Mapping[int, int]) -> int:
        """Return how many messages lie between what was read and the given offsets."""
        places = {tp: await self._log.position(tp) for tp in self._log.assignment()}
        return sum(max(0, ends.get(tp.partition, 0) - at) for tp, at in places.items())

    def _arrival(self, record: ConsumerRecord) -> Arrival:
        return read_arrival(
            epoch=self._epoch,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )


class _Filling:
    """Adds messages to a namespace as a worker would have, without judging them again."""

    def __init__(self, store: RedisStore, context: Context, outcomes: Outcomes) -> None:
        self._store = store
        self._context = context
        self._outcomes = outcomes
        self._now = 0.0  # the log's own time: what counts as a retry goes by it
        self._seen = MemoryStore(clock=lambda: self._now)
        self.messages = 0
        self.judged = 0

    async def add(self, arrivals: Sequence[Arrival]) -> None:
        """Apply the arrivals of a batch, and the outcomes of those that were judged."""
        touched = await asyncio.to_thread(self._touched, arrivals)
        found = await self._look_up(arrivals)
        moves = [
            Move(
                arrival.position,
                moment(arrival),
                narrowed(touches) if seen.split else touches.increments,
                adds=not seen.retry,
                mentions=touches.mentions,
            )
            for arrival, touches, seen in zip(arrivals, touched, found, strict=True)
        ]
        answers = await self._store.advance(moves)
        outcomes = []
        for move, touches, seen, answer in zip(moves, touched, found, answers, strict=True):
            assert move.position is not None
            ended = self._outcomes.of(move.position)
            self.judged += ended is not None
            if ended is None or seen.retry:
                continue
            directions = [mention and mention.direction for mention in answer.mentions]
            history = read_history(touches, answer.readings, directions, move.at)
            first = not seen.split
            added = outcome(
                touches, history, delivered=ended.delivered and first, bad=ended.bad and first
            )
            if added:
                outcomes.append(Move(move.position, move.at, added))
        await self._store.record([], outcomes)
        self.messages += len(arrivals)

    def _touched(self, arrivals: Sequence[Arrival]) -> list[Touches]:
        return [extract(arrival.incoming, self._context).touches for arrival in arrivals]

    async def _look_up(self, arrivals: Sequence[Arrival]) -> list[Found]:
        queries = []
        for arrival in arrivals:
            envelope, raw = arrival.incoming.envelope, arrival.incoming.raw
            keys = delivery_keys(raw, envelope.mail_from, envelope.rcpt_to)
            self._now = max(self._now, arrival.appended_ms / 1000)
            queries.append(
                Query(
                    arrival.position,
                    envelope.id,
                    keys.delivery,
                    arrival.requeued,
                    message_key=keys.message,
                )
            )
        return await self._seen.look_up(queries)


async def _until(consumer: Any, ends: Mapping[TopicPartition, int]) -> AsyncIterator[list[Any]]:
    """Yield records below the given ends, and stay there: what was read beyond is read again."""
    behind = {tp for tp, end in ends.items() if await consumer.position(tp) < end}
    others = set(consumer.assignment()) - behind
    consumer.pause(*others)
    while behind:
        for tp, records in (await consumer.getmany(*behind, timeout_ms=_WAIT_MS)).items():
            inside = [record for record in records if record.offset < ends[tp]]
            if inside:
                yield inside
            if len(inside) < len(records):
                consumer.seek(tp, ends[tp])
        done = {tp for tp in behind if await consumer.position(tp) >= ends[tp]}
        behind -= done
        consumer.pause(*done)
    consumer.resume(*consumer.assignment())


@asynccontextmanager
async def _log(settings: Settings, topic: Role, counts: Mapping[str, int]) -> AsyncIterator[Any]:
    """Open a reader of a topic from its beginning, outside of any consumer group."""
    full = name(settings, topic)
    partitions = [TopicPartition(full, number) for number in range(counts[full])]
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
        max_partition_fetch_bytes=settings.dead_letter_bytes,
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield consumer
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    finally:
        await consumer.stop()
