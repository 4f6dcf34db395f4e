"""The counts of labels put into a namespace that is being filled, from what is kept of them."""

from typing import Final

from streams.labels.ledger import counted_for
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore

__all__ = ["recount"]

_BATCH: Final = 64  # messages


async def recount(current: RedisStore, store: RedisStore, namespace: str) -> int:
    """Count all labels that are kept into a namespace; return of how many messages.

    Labels must be held back meanwhile. What came up to the last of them is marked as applied: the
    learner goes on behind it, and counts into this namespace what it had counted into the old one
    and not kept yet. Raises StoreError or RedisError.
    """
    applied = (await current.label_state()).applied
    messages = 0
    moves: list[Move] = []
    async for record in current.labels.every_labelled():
        messages += 1
        increments = counted_for(record)
        if increments:
            moves.append(Move(None, record.at, increments))
        if len(moves) == _BATCH:
            await store.count(moves)
            moves = []
    await store.count(moves)
    if applied is not None:
        await store.namespaces.mark(namespace, applied)
    return messages
