"""The sender state made anew from the log: into a fresh namespace, which then takes over.

Workers go on meanwhile with the old one. For the switch it is closed, what they added to it since
is read from the log too, and they go on with the new one where they were: marks tell each message
that was counted. Labels are counted from what is kept of them, while the learner waits.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import (  # type: ignore[import-untyped]  # no types
    ConsumerRecord,
    TopicPartition,
)

from apps.state.labels_recounted import Recount
from apps.state.log_reading import by_time, first_time
from apps.state.outcomes_read import Outcomes
from features.context import Context
from features.delivery import delivery_keys
from features.evidence import extract
from features.sender import Touches, narrowed, outcome, read_history
from streams.log_epoch import mail_epoch
from streams.reader import open_reader
from streams.sender_state import moment
from streams.settings import Settings
from streams.stores.memory import MemoryStore
from streams.stores.namespaces import CLAIM_SECONDS
from streams.stores.protocol import Found, Move, Query
from streams.stores.redis_store import RedisStore
from streams.topics import Role, check, name
from streams.wire import Arrival, read_arrival, read_head

__all__ = ["Rebuilt", "rebuild"]

_BATCH = 64  # messages
_LITTLE = 128  # messages that are counted in moments
_PASSES = 30  # over what was judged meanwhile; each is a fraction of the one before

Told = Callable[[int, int], None]


class Rebuilt(NamedTuple):
    """What a rebuild read: messages, how many had a verdict, how many labels; the new namespace.

    `labelled` counts messages with labels.
    """

    messages: int
    judged: int
    namespace: str
    labelled: int = 0


async def rebuild(settings: Settings, context: Context, told: Told) -> Rebuilt:
    """Rebuild the state from what the mail log and the verdicts still hold, and switch to it.

    `told(done, total)` hears of messages read, and of how many there are. Raises TopicError or
    StoreError where Kafka or Redis can't be used or another rebuild runs; the state in use stays
    in use then.
    """
    counts = await check(settings)
    fresh = uuid.uuid4().hex[:12]
    current = RedisStore(settings)
    store = RedisStore(settings, namespace=fresh)
    try:
        epoch = await mail_epoch(settings, current, counts[name(settings, "messages")])
        async with (
            _claimed(current, fresh),
            _log(settings, "messages", counts) as log,
            _log(settings, "verdicts", counts) as verdicts,
        ):
            old = (await current.namespaces.current()).name
            source = _Source(log, verdicts, epoch)
            filling = _Filling(store, current, context, source.outcomes)
            recount = Recount(current, store)
            try:
                await source.begin()
                await _catch_up(source, filling, told)
                # Behind their messages: else an arrival would look like a second sight of it.
                await recount.begin()
                await _catch_up(source, filling, told)
                await current.namespaces.close(old)
                await current.labels.hold(CLAIM_SECONDS)
                await source.read_verdicts()
                marks = await current.marks(epoch)
                await _fill(source, filling, {n: mark + 1 for n, mark in marks.items()}, told)
                await recount.end(fresh)
                await current.namespaces.switch(fresh)
            except BaseException:
                await current.namespaces.reopen(old)
                await current.namespaces.drop(fresh)
                raise
            finally:
                await current.labels.release()
            await current.namespaces.drop(old)
        return Rebuilt(filling.messages, filling.judged, fresh, recount.messages)
    finally:
        await store.close()
        await current.close()


async def _catch_up(source: "_Source", filling: "_Filling", told: Told) -> None:
    """Count what was judged, and what was judged meanwhile, until little is left.

    The rest is counted while workers wait, with what is being judged now.
    """
    for _ in range(_PASSES):
        await source.read_verdicts()
        judged = dict(source.outcomes.ends())
        left = await source.left(judged)
        await _fill(source, filling, judged, told)
        if left < _LITTLE:  # what was judged while they were counted is less
            break


@asynccontextmanager
async def _claimed(current: RedisStore, fresh: str) -> AsyncIterator[None]:
    """Create the fresh namespace as the only one that is being filled.

    Two at once would each close what the other switches to.
    """
    await current.namespaces.claim(fresh)
    renewing = asyncio.create_task(_renew(current, fresh))
    try:
        yield
    finally:
        renewing.cancel()
        await current.namespaces.release(fresh)


async def _renew(current: RedisStore, fresh: str) -> None:
    while True:
        await asyncio.sleep(CLAIM_SECONDS / 4)
        await current.namespaces.renew(fresh)
        await current.labels.renew(CLAIM_SECONDS)


async def _fill(
    source: "_Source", filling: "_Filling", ends: Mapping[int, int], told: Told
) -> None:
    async for arrivals in source.messages(ends):
        await filling.add(arrivals)
        told(filling.messages, filling.messages + await source.left(ends))


class _Source:
    """The mail log and the verdicts, each read on from where the last reading ended."""

    def __init__(self, log: Any, verdicts: Any, epoch: str) -> None:
        self._log = log
        self._verdicts = verdicts
        self._epoch = epoch
        self.outcomes = Outcomes()

    async def begin(self) -> None:
        """Leave out verdicts from before the first message: they are of others, or of another log.

        A log that was made anew begins at offset 0 again.
        """
        oldest = [await first_time(self._log, tp) for tp in self._log.assignment()]
        since = min((time for time in oldest if time is not None), default=None)
        partitions = self._verdicts.assignment()
        if since is None:
            await self._verdicts.seek_to_end(*partitions)
            return
        places = await self._verdicts.offsets_for_times(dict.fromkeys(partitions, since))
        for tp, place in places.items():
            if place is None:
                await self._verdicts.seek_to_end(tp)
            else:
                self._verdicts.seek(tp, place.offset)

    async def read_verdicts(self) -> None:
        """Read all verdicts that are there now."""
        ends = await self._verdicts.end_offsets(self._verdicts.assignment())
        async for records in by_time(self._verdicts, ends):
            for record in records:
                self.outcomes.add(record.value or b"")

    async def messages(self, ends: Mapping[int, int]) -> AsyncIterator[list[Arrival]]:
        """Yield batches of messages below the given offset of each partition."""
        async for records in by_time(self._log, await self._inside(ends)):
            for first in range(0, len(records), _BATCH):
                yield [self._arrival(record) for record in records[first : first + _BATCH]]

    async def left(self, ends: Mapping[int, int]) -> int:
        """Return how many messages lie between what was read and the given offsets."""
        inside = await self._inside(ends)
        return sum([max(0, end - await self._log.position(tp)) for tp, end in inside.items()])

    async def _inside(self, ends: Mapping[int, int]) -> dict[TopicPartition, int]:
        """Return the ends by partition, none behind the log's own: it may be another by now."""
        partitions = [tp for tp in self._log.assignment() if tp.partition in ends]
        own = await self._log.end_offsets(partitions)
        return {tp: min(ends[tp.partition], end) for tp, end in own.items()}

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

    def __init__(
        self, store: RedisStore, current: RedisStore, context: Context, outcomes: Outcomes
    ) -> None:
        self._store = store
        self._current = current
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
        await self._read_recorded(arrivals)
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

    async def _read_recorded(self, arrivals: Sequence[Arrival]) -> None:
        """Take from the records what was judged just now: its verdict may not be produced yet."""
        places = [arrival.position for arrival in arrivals]
        missing = [place for place in places if self._outcomes.of(place) is None]
        ids = {arrival.incoming.envelope.id for arrival in arrivals}
        for verdict in await self._current.recorded(missing):
            if read_head(verdict).id in ids:  # else it is of another log, in the same place
                self._outcomes.add(verdict)

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


@asynccontextmanager
async def _log(settings: Settings, topic: Role, counts: Mapping[str, int]) -> AsyncIterator[Any]:
    """Open a reader of a topic from its beginning, outside of any consumer group."""
    full = name(settings, topic)
    partitions = [TopicPartition(full, number) for number in range(counts[full])]
    async with open_reader(settings) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield consumer
