"""The counts of labels put into a namespace that is being filled, from what is kept of them."""

from typing import Final

from features.envelope import LogPosition
from streams.labels.ledger import counted_for
from streams.stores.label_state import LabelRecord
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore

__all__ = ["Recount"]

_BATCH: Final = 64  # messages
_NONE, _ALL = -1 << 63, 1 << 63  # offsets; those of a log before this one are negative


class Recount:
    """Counts labels from `current`, the store in use, into the namespace of `store`.

    First all up to the last one of that moment, which may take a while; then, with labels held
    back, those that came since. Methods raise StoreError or RedisError.
    """

    def __init__(self, current: RedisStore, store: RedisStore) -> None:
        self._current = current
        self._store = store
        self._until = _NONE
        self._moves: list[Move] = []
        self.messages = 0

    async def begin(self) -> None:
        """Count what is kept, up to the last label that is applied now."""
        applied = await self._applied()
        self._until = applied.offset if applied else _NONE
        async for record in self._current.labels.every_labelled():
            self.messages += 1
            await self._count(record, _NONE, self._until)
        await self._flush()

    async def end(self, namespace: str) -> None:
        """Count the rest, and mark it as applied: the learner goes on behind it."""
        recent = await self._current.labels.labelled_since(self._until)
        if recent is None:
            async for record in self._current.labels.every_labelled():
                await self._count(record, self._until, _ALL)
        for record in recent or ():
            self.messages += all(it.offset > self._until for it in record.voices)
            await self._count(record, self._until, _ALL)
        await self._flush()
        applied = await self._applied()
        if applied is not None:
            await self._store.namespaces.mark(namespace, applied)

    async def _applied(self) -> LogPosition | None:
        return (await self._current.label_state()).applied

    async def _count(self, record: LabelRecord, since: int, until: int) -> None:
        increments = counted_for(record, since, until)
        if increments:
            self._moves.append(Move(None, record.at, increments))
        if len(self._moves) >= _BATCH:
            await self._flush()

    async def _flush(self) -> None:
        await self._store.count(self._moves)
        self._moves = []
