"""Who reads which partitions, and up to where they are done with: in a consumer group, or in none.

A group of an embedded installation has one member at a time; its offsets lie beside the local log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import structlog
from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    CommitFailedError,
    IllegalStateError,
)

from apps.subscriber.local_group import LocalGroup
from streams.connection import client_options
from streams.reader import new_consumer
from streams.settings import Settings

__all__ = ["Membership", "Offsets", "open_membership"]

Offsets = Mapping[TopicPartition, int]

_SLOWEST_MS: Final = 3_600_000  # between two fetches: a slow consumer is still one

log = structlog.get_logger(__name__)


class Membership(Protocol):
    """A started consumer (aiokafka's or the local log's) with what it is to read."""

    consumer: Any
    generation: int
    """Rises with every assignment: what was read under another one may be somebody else's now."""

    before_leaving: Callable[[], Awaitable[None]]
    """Is awaited before partitions are shared anew: the last time to commit what was done."""

    async def start(self, partitions: Mapping[str, int]) -> None:
        """Connect, and ask for topics with so many partitions; raises KafkaError."""

    async def assigned(self) -> frozenset[TopicPartition]:
        """Return what is ours to read at present; none while another has it."""

    async def committed(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return up to where the group is done, of the partitions where it is known."""

    async def commit(self, offsets: Offsets) -> None:
        """Say up to where the group is done; what isn't ours any more is left out.

        Raises KafkaError where the brokers can't be reached.
        """

    async def stop(self) -> None:
        """Leave the group, and close the consumer."""


class _Alone:
    """No group: all partitions are ours, and nothing is kept."""

    def __init__(self, settings: Settings) -> None:
        self.consumer = _groupless(settings)
        self.generation = 0
        self.before_leaving: Callable[[], Awaitable[None]] = _nothing
        self._places: frozenset[TopicPartition] = frozenset()

    async def start(self, partitions: Mapping[str, int]) -> None:
        await self.consumer.start()
        self._places = _places(partitions)
        self.consumer.assign(sorted(self._places))
        await asyncio.sleep(0)  # aiokafka's stop raises where a task of it hasn't begun
        self.generation = 1

    async def assigned(self) -> frozenset[TopicPartition]:
        return self._places

    async def committed(
        self,
        places: Iterable[TopicPartition],  # noqa: ARG002 - as Membership has it
    ) -> dict[TopicPartition, int]:
        return {}

    async def commit(self, offsets: Offsets) -> None:
        pass

    async def stop(self) -> None:
        await self.consumer.stop()


class _LocalMember(_Alone):
    """The one member of a group of an embedded installation; a second waits for its end."""

    def __init__(self, settings: Settings, group: str) -> None:
        super().__init__(settings)
        self._group = LocalGroup(settings.embedded.folder, group)

    async def assigned(self) -> frozenset[TopicPartition]:
        return self._places if await asyncio.to_thread(self._group.joined) else frozenset()

    async def committed(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        found = await asyncio.to_thread(self._group.committed)
        return {place: found[place] for place in places if place in found}

    async def commit(self, offsets: Offsets) -> None:
        await asyncio.to_thread(self._group.commit, offsets)

    async def stop(self) -> None:
        await asyncio.to_thread(self._group.leave)
        await super().stop()


class _KafkaMember(ConsumerRebalanceListener):  # type: ignore[misc]  # its base has no types
    """A member of a Kafka consumer group; partitions come and go with the others."""

    def __init__(self, settings: Settings, group: str) -> None:
        kafka = settings.kafka
        self.consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",  # Reception places each partition itself
            session_timeout_ms=int(kafka.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(kafka.heartbeat_seconds * 1000),
            max_poll_interval_ms=_SLOWEST_MS,
            fetch_max_wait_ms=kafka.fetch_wait_ms,
            max_partition_fetch_bytes=settings.dead_letter_bytes,
        )
        self.generation = 0
        self.before_leaving: Callable[[], Awaitable[None]] = _nothing
        self._places: frozenset[TopicPartition] = frozenset()

    async def start(self, partitions: Mapping[str, int]) -> None:
        self.consumer.subscribe(list(partitions), listener=self)
        await self.consumer.start()

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - aiokafka's face
        """Stop reading: they may be another's from now on."""
        await self.before_leaving()
        self._places = frozenset()
        self.generation += 1

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Read these from now on."""
        self._places = frozenset(assigned)
        self.generation += 1

    async def assigned(self) -> frozenset[TopicPartition]:
        return self._places

    async def committed(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        found = {place: await self.consumer.committed(place) for place in places}
        return {place: offset for place, offset in found.items() if offset is not None}

    async def commit(self, offsets: Offsets) -> None:
        held = self.consumer.assignment()
        ours = {place: offset for place, offset in offsets.items() if place in held}
        if not ours:
            return
        try:
            await self.consumer.commit(ours)
        except (CommitFailedError, IllegalStateError) as error:  # another has them meanwhile
            log.info("commit_came_too_late", error=str(error))

    async def stop(self) -> None:
        await self.consumer.stop()


def open_membership(settings: Settings, group: str) -> Membership:
    """Return how a group reads, not started: over Kafka or a local log; "" is no group."""
    if not group:
        return _Alone(settings)
    if settings.embedded.folder:
        return _LocalMember(settings, group)
    return _KafkaMember(settings, group)


async def _nothing() -> None:
    """Have nothing to do before leaving."""


def _groupless(settings: Settings) -> Any:
    return new_consumer(
        settings,
        strict=True,
        fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
        max_partition_fetch_bytes=settings.dead_letter_bytes,
    )


def _places(partitions: Mapping[str, int]) -> frozenset[TopicPartition]:
    return frozenset(
        TopicPartition(topic, number)
        for topic, count in partitions.items()
        for number in range(count)
    )
