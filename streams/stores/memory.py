"""The store in this process's memory: for tests, and for work without Redis."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from features.envelope import LogPosition
from streams.stores.protocol import Found, Query

__all__ = ["MemoryStore"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_DAY = 86_400.0
_SWEEP = 4096  # look-ups between sweeps of what has expired


class MemoryStore:
    """Keeps what Redis would keep, for as long as the process lives.

    `record_seconds` is how long recorded verdicts are kept, `letter_seconds` the numbers of
    requeued ids; `clock` gives seconds.
    """

    def __init__(
        self,
        record_seconds: float = 7 * _DAY,
        clock: Callable[[], float] = time.monotonic,
        letter_seconds: float = 14 * _DAY,
    ) -> None:
        self._record_seconds = record_seconds
        self._letter_seconds = letter_seconds
        self._clock = clock
        self._verdicts: dict[LogPosition, tuple[float, bytes]] = {}
        self._ids: dict[str, tuple[float, LogPosition]] = {}
        self._revisions: dict[str, tuple[float, list[LogPosition]]] = {}
        self._deliveries: dict[str, tuple[float, LogPosition]] = {}
        self._epochs: dict[str, str] = {}
        self._policies: dict[str, bytes] = {}
        self._since_sweep = 0

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        now = self._clock()
        self._since_sweep += len(queries)
        if self._since_sweep >= _SWEEP:
            self._sweep(now)
        return [self._look_up(query, now) for query in queries]

    def _look_up(self, query: Query, now: float) -> Found:
        expires, place = self._ids.get(query.id, (0.0, query.position))
        if expires <= now:
            place = query.position
            self._ids[query.id] = (now + _DAY, place)
        revision = 0
        if query.requeued or place != query.position:
            revision = self._number(query, now)
        expires, first = self._deliveries.get(query.delivery_key, (0.0, query.position))
        if expires <= now:
            first = query.position
            self._deliveries[query.delivery_key] = (now + _DAY, first)
        expires, verdict = self._verdicts.get(query.position, (0.0, b""))
        return Found(
            verdict if expires > now else None,
            revision,
            first != query.position,
        )

    def _number(self, query: Query, now: float) -> int:
        """Number the places of an id in the order they were seen."""
        expires, places = self._revisions.get(query.id, (0.0, []))
        if expires <= now:
            expires, places = 0.0, []
        if query.position not in places:
            places = [*places, query.position]
            expires = max(expires, now + (self._letter_seconds if query.requeued else _DAY))
            self._revisions[query.id] = (expires, places)
        return places.index(query.position) + 1

    async def record(self, verdicts: Sequence[tuple[LogPosition, bytes]]) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        now = self._clock()
        in_force = []
        for position, verdict in verdicts:
            expires, kept = self._verdicts.get(position, (0.0, b""))
            if expires <= now:
                self._verdicts[position] = (now + self._record_seconds, verdict)
                kept = verdict
            in_force.append(kept)
        return in_force

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again."""
        for position in positions:
            self._verdicts.pop(position, None)

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
        return self._epochs.setdefault(topic, proposed)

    async def set_epoch(self, topic: str, epoch: str) -> None:
        """Store the epoch of a topic that was just created."""
        self._epochs[topic] = epoch

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy for good, so that replay can use it."""
        self._policies[digest] = text

    async def policy(self, digest: str) -> bytes | None:
        """Return a kept policy."""
        return self._policies.get(digest)

    async def ping(self) -> None:
        """Return: memory always answers."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _sweep(self, now: float) -> None:
        self._since_sweep = 0
        _drop_expired(self._verdicts, now)
        _drop_expired(self._ids, now)
        _drop_expired(self._revisions, now)
        _drop_expired(self._deliveries, now)


def _drop_expired(kept: dict[_K, tuple[float, _V]], now: float) -> None:
    for key in [key for key, (expires, _) in kept.items() if expires <= now]:
        del kept[key]
