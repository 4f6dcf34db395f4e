"""Records as they lie in topics, at least once, in the order of their partitions.

What is built on it (verdicts, the archive) says how far it is done with them; a restart goes on
from there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from apps.subscriber.membership import Membership, Offsets, open_membership
from streams.settings import Settings
from streams.topics import Role, TopicError, check, name, unreachable

__all__ = ["Gap", "Received", "Reception", "Starts", "received"]

_MOST: Final = 500
_UNASSIGNED: Final = 0.05  # seconds between two looks whether there is something for us

log = structlog.get_logger(__name__)

Starts = Callable[[frozenset[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""Says where to begin in partitions that were just assigned; those it leaves out begin as usual."""


class Received(NamedTuple):
    """A record of a topic, its bytes as they lie there; `appended_ms` is the log's append time."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> TopicPartition:
        """The partition it lies in."""
        return TopicPartition(self.topic, self.partition)


class Gap(NamedTuple):
    """Records that were to be read and have expired: offsets from `wanted` to below `first`.

    `first` lies below `wanted` where the topic was made anew: reading begins again at its first.
    """

    place: TopicPartition
    wanted: int
    first: int


class Reception:
    """Open partitions: `take` records, say what is `done`, `commit` now and then.

    One coroutine at a time. Where partitions are shared anew among the group's members, what is
    done is committed, `generation` rises, and those that are ours begin again behind what is done:
    whoever holds records that aren't done drops them, for they come again, here or to another.
    """

    def __init__(
        self,
        membership: Membership,
        *,
        since: datetime | None,
        last: int | None,
        starts: Starts | None,
        back: int,
        told: Callable[[Gap], None],
    ) -> None:
        self._membership = membership
        self._back, self._last = back, last
        self._since_ms = None if since is None else int(since.timestamp() * 1000)
        self._starts = starts
        self._told = told
        self._generation = 0
        self._begun: dict[TopicPartition, int] = {}
        self._following: dict[TopicPartition, int] = {}  # of each partition of ours, placed
        self._done: dict[TopicPartition, int] = {}
        membership.before_leaving = self._commit_what_is_done

    async def take(self, *, wait_ms: int = 500, most: int = _MOST) -> list[Received]:
        """Return the next records, at most so many, waiting so long for the first; maybe none.

        Those of a partition are in its order. Raises KafkaError, where a group or a log can't be
        read, LogFileError among them.
        """
        assigned = await self._membership.assigned()
        if self._generation != self._membership.generation or assigned != self._following.keys():
            await self._place(assigned)
        if not self._following:
            await asyncio.sleep(_UNASSIGNED)  # what shares partitions needs the loop for it
            return []
        try:
            found = await self._membership.consumer.getmany(timeout_ms=wait_ms, max_records=most)
        except OffsetOutOfRangeError as error:
            await self._regain(error.args[0])
            return []
        except NoOffsetForPartitionError:  # of an assignment that came meanwhile
            return []
        if self._generation != self._membership.generation:
            return []  # they come again, to whom they belong now
        records = [
            _received(record)
            for place, those in found.items()
            for record in those
            if record.offset >= self._following.get(place, record.offset + 1)
        ]
        for record in records:
            self._following[record.place] = record.offset + 1
        return records

    def done(self, record: Received) -> None:
        """Say that this record, and all before it in its partition, needn't come again."""
        if record.offset >= self._begun.get(record.place, record.offset + 1):
            self._done[record.place] = max(self._done.get(record.place, 0), record.offset + 1)

    def known(self, record: Received) -> bool:
        """Tell whether the group was done with it before: it comes since one looks `back`."""
        return record.offset < self._begun.get(record.place, 0)

    async def commit(self) -> None:
        """Keep what is done, so that the group goes on behind it; raises KafkaError."""
        done, self._done = self._done, {}
        try:
            if done:
                await self._membership.commit(done)
        except KafkaError:
            self._done = {**done, **self._done}
            raise

    @property
    def generation(self) -> int:
        """A number that rises whenever partitions are shared anew, also between two `take`."""
        return self._membership.generation

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are ours as of the last `take`."""
        return frozenset(self._following)

    @property
    def following(self) -> dict[TopicPartition, int]:
        """The next offset of each partition that is ours as of the last `take`."""
        return dict(self._following)

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the offset behind the last record of each partition of ours, as of now."""
        places = await self._membership.assigned()
        if not places:
            return {}
        found: dict[TopicPartition, int] = await self._membership.consumer.end_offsets(list(places))
        return found

    async def _place(self, assigned: frozenset[TopicPartition]) -> None:
        """Put each partition to where it is to be read from."""
        self._following = {}
        self._generation = generation = self._membership.generation
        if not assigned:
            return
        begun, new = await self._begin(assigned)
        firsts = await self._membership.consumer.beginning_offsets(list(assigned))
        if self._membership.generation != generation:
            return
        for place, offset in begun.items():
            start = max(firsts[place], offset - self._back)
            self._membership.consumer.seek(place, start)
            self._following[place] = start
        self._begun, self._done = begun, new  # so that a group is known though nothing came

    async def _begin(
        self, assigned: frozenset[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return where to begin: as told, else behind what is done, else since, else the oldest.

        And again those of them where the group has never been.
        """
        begun = dict(await self._starts(assigned)) if self._starts else {}
        begun |= await self._membership.committed(assigned - begun.keys())
        begun = await self._that_are_there(begun)
        new = await self._first_time(list(assigned - begun.keys()))
        return {**begun, **new}, new

    async def _that_are_there(self, begun: Offsets) -> dict[TopicPartition, int]:
        """Return offsets that lie in their partitions, and say of each what was missed."""
        firsts = await self._membership.consumer.beginning_offsets(list(begun))
        ends = await self._membership.consumer.end_offsets(list(begun))
        found = {}
        for place, offset in begun.items():
            there = firsts[place] <= offset <= ends[place]
            found[place] = offset if there else firsts[place]
            if not there:
                self._told(Gap(place, offset, firsts[place]))
        return found

    async def _first_time(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        consumer = self._membership.consumer
        firsts: dict[TopicPartition, int] = await consumer.beginning_offsets(places)
        if not places or (self._since_ms is None and self._last is None):
            return dict(firsts)
        ends = await consumer.end_offsets(places)
        if self._since_ms is None:
            last = self._last or 0
            return {place: max(firsts[place], ends[place] - last) for place in places}
        found = await consumer.offsets_for_times(dict.fromkeys(places, self._since_ms))
        return {
            place: ends[place] if found[place] is None else found[place].offset for place in places
        }

    async def _regain(self, lost: Iterable[TopicPartition]) -> None:
        """Go on at the first record that is there, and say what was missed."""
        places = [place for place in lost if place in self._following]
        firsts = await self._membership.consumer.beginning_offsets(places)
        for place in places:
            self._told(Gap(place, self._following[place], firsts[place]))
            self._membership.consumer.seek(place, firsts[place])
            self._following[place] = firsts[place]

    async def _commit_what_is_done(self) -> None:
        try:
            await self.commit()
        except KafkaError as error:
            log.warning("not_committed", error=str(error))  # it comes again, that's all


@asynccontextmanager
async def received(
    settings: Settings,
    roles: Iterable[Role],
    *,
    group: str = "",
    since: datetime | None = None,
    last: int | None = None,
    starts: Starts | None = None,
    back: int = 0,
    told: Callable[[Gap], None] | None = None,
) -> AsyncIterator[Reception]:
    """Read topics from Kafka, or from the local log of an embedded installation.

    In a `group` its members share the partitions, and what is done and committed doesn't come
    again; without one all partitions are read and nothing is kept. A partition begins where
    `starts` says, else behind what the group is done with, else at the first record appended at
    `since` or later, else `last` records before its end, else at the oldest that is kept; up to
    `back` records before that come too (`Reception.known`), for whoever must know what came last.
    `told` hears of records that were to be read and have expired; without it they are logged.

    What is done when the block ends is committed, whatever ends it. Raises TopicError where the
    brokers or topics can't be read, then or while the block reads.
    """
    counts = await check(settings)
    topics = {name(settings, role): counts[name(settings, role)] for role in roles}
    try:
        async with _member(settings, group, topics) as membership:
            reception = Reception(
                membership,
                since=since,
                last=last,
                starts=starts,
                back=back,
                told=told or _log_gap,
            )
            try:
                yield reception
            finally:
                await membership.before_leaving()
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None


@asynccontextmanager
async def _member(
    settings: Settings, group: str, topics: Mapping[str, int]
) -> AsyncIterator[Membership]:
    membership = open_membership(settings, group)
    try:
        await membership.start(topics)
        yield membership
    finally:
        await membership.stop()


def _log_gap(gap: Gap) -> None:
    log.warning(
        "records_expired",
        topic=gap.place.topic,
        partition=gap.place.partition,
        wanted=gap.wanted,
        first=gap.first,
    )


def _received(record: ConsumerRecord) -> Received:
    headers: Any = record.headers
    return Received(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value or b"",
        tuple((key, value or b"") for key, value in headers),
    )
