"""What any process may ask of messages and labels: of Redis, or of what an embedded one tells."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import NamedTuple, Protocol

from streams.labels.known import Known, KnownMessages, ToldMessages
from streams.labels.path import LabelPaths, Paths, ToldPaths
from streams.settings import Settings
from streams.stores.label_state import LabelRecord
from streams.stores.redis_store import RedisStore, open_redis
from streams.stores.told import Told

__all__ = ["Answers", "Counted", "open_answers"]


class Counted(Protocol):
    """Labels that are counted; every method raises StoreError or RedisError where it can't tell."""

    async def records(self, messages: Sequence[str]) -> Mapping[str, LabelRecord]:
        """Return labelled messages by their ids; what isn't labelled is missing."""
        ...

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label (by id) is of, None where unknown."""
        ...

    def every(self) -> AsyncIterator[LabelRecord]:
        """Yield every labelled message."""
        ...


class Answers(NamedTuple):
    """Who is asked: for messages by their names, for how far labels came, for what is counted."""

    known: Known
    paths: Paths
    counted: Counted


@asynccontextmanager
async def open_answers(settings: Settings) -> AsyncIterator[Answers]:
    """Open what the settings name; raises StoreError where an embedded installation's can't be."""
    if settings.embedded.folder:
        with closing(Told(settings)) as told:
            yield Answers(ToldMessages(told), ToldPaths(told), _InFile(told))
        return
    redis = open_redis(settings)
    store = RedisStore(settings, redis)
    try:
        yield Answers(KnownMessages(redis, settings), LabelPaths(redis, settings), _InRedis(store))
    finally:
        await store.close()


class _InRedis:
    """What is counted, as the store has it."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def records(self, messages: Sequence[str]) -> Mapping[str, LabelRecord]:
        return (await self._store.label_state(messages)).labelled

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        return await self._store.messages_of(labels)

    async def every(self) -> AsyncIterator[LabelRecord]:
        async for record in self._store.labels.every_labelled():
            yield record


class _InFile:
    """What is counted, as an embedded installation tells it."""

    def __init__(self, told: Told) -> None:
        self._told = told

    async def records(self, messages: Sequence[str]) -> Mapping[str, LabelRecord]:
        return self._told.labelled(messages)

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        found = self._told.messages_of(labels)
        return [found.get(label) for label in labels]

    async def every(self) -> AsyncIterator[LabelRecord]:
        for record in self._told.every_labelled():
            yield record
