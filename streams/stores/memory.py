"""The store in this process's memory: for tests, and for work without Redis."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from features.envelope import LogPosition
from features.rolling import Entity, Reading
from streams.stores.budgets import Budget
from streams.stores.label_state import LabelChange, LabelState
from streams.stores.memory_file import Contents, read_file, write_file
from streams.stores.protocol import Advanced, Found, Keeping, Mention, Move, Query, Usage
from streams.stores.rolling_memory import RollingMemory

__all__ = ["MemoryStore"]

_K = TypeVar("_K")
_V = TypeVar("_V")
_DAY = 86_400.0
_SWEEP = 4096  # look-ups between sweeps of what has expired


class MemoryStore:
    """Keeps what Redis would keep, for as long as the process lives, or in a file.

    `record_seconds` is how long recorded verdicts are kept, `letter_seconds` the numbers of
    requeued ids; `clock` gives seconds. With `path` it begins with what that file has, if it is
    there, and writes it when it is closed; raises LayoutError, one line, for a file that isn't
    one or was made with other constants.
    """

    def __init__(
        self,
        record_seconds: float = 7 * _DAY,
        clock: Callable[[], float] = time.monotonic,
        letter_seconds: float = 14 * _DAY,
        *,
        path: Path | None = None,
        shards: int = 64,
        budgets: Mapping[str, Budget] | None = None,
    ) -> None:
        self._record_seconds = record_seconds
        self._letter_seconds = letter_seconds
        self._clock = clock
        self._path = path
        self._state = RollingMemory(shards, budgets)
        self._verdicts: dict[LogPosition, tuple[float, bytes]] = {}
        self._ids: dict[str, tuple[float, LogPosition]] = {}
        self._revisions: dict[str, tuple[float, list[LogPosition]]] = {}
        self._deliveries: dict[str, tuple[float, LogPosition]] = {}
        self._texts: dict[str, tuple[float, LogPosition]] = {}
        self._epochs: dict[str, str] = {}
        self._policies: dict[str, bytes] = {}
        self._missed = False
        self._since_sweep = 0
        if path is not None and path.exists():
            self._restore(read_file(path))

    @property
    def senders(self) -> RollingMemory:
        """What is kept of senders, and of labels."""
        return self._state

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        now = self._clock()
        self._since_sweep += len(queries)
        if self._since_sweep >= _SWEEP:
            self._sweep(now)
        return [self._look_up(query, now) for query in queries]

    def _look_up(self, query: Query, now: float) -> Found:
        first = _first(self._ids, query.id, query.position, now)
        numbered = query.requeued or first != query.position
        revision = self._number(query, now) if numbered else 0
        retry = _first(self._deliveries, query.delivery_key, query.position, now) != query.position
        split = False
        if query.message_key:
            first = _first(self._texts, query.message_key, query.position, now)
            split = not retry and first != query.position
        expires, verdict = self._verdicts.get(query.position, (0.0, b""))
        return Found(verdict if expires > now else None, revision, retry, split)

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

    async def advance(self, moves: Sequence[Move]) -> list[Advanced]:
        """Apply the arrival step of each message, in order, and return its readings."""
        return self._state.advance("arrival", moves)

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move] = ()) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        now = self._clock()
        in_force = []
        for each in kept:
            expires, verdict = self._verdicts.get(each.position, (0.0, b""))
            if expires <= now:
                self._verdicts[each.position] = (now + self._record_seconds, each.verdict)
                verdict = each.verdict
            in_force.append(verdict)
            if each.message_id:
                mention = Mention(each.id, each.position, each.direction)
                self._state.index(each.message_id, mention)
        self._state.advance("outcome", outcomes)
        return in_force

    async def count(self, moves: Sequence[Move]) -> None:
        """Apply outcomes that whoever calls sends again until they are applied."""
        self._state.advance("outcome", moves)

    async def marks(self, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition of the mail log."""
        return self._state.marks(epoch)

    def missed(self) -> None:
        """Take note that increments were lost: a call of `advance` or its outcomes wasn't made."""
        self._missed = True

    async def lost(self) -> bool:
        """Tell whether increments were lost since the state was created."""
        return self._missed

    async def read(self, entity: Entity, at: float = 0.0) -> Reading | None:
        """Return what is kept of an entity at time `at` (seconds), its last sight if later."""
        return self._state.read(entity, at)

    async def forget_entities(self, entities: Sequence[Entity]) -> int:
        """Delete what is kept of entities; return of how many something was kept."""
        return self._state.forget_entities(entities)

    async def usage(self) -> Mapping[str, Usage]:
        """Return what is kept of each kind of entity."""
        return self._state.usage()

    async def label_state(
        self,
        messages: Sequence[str] = (),
        reporters: Sequence[bytes] = (),
        entities: Sequence[Entity] = (),
    ) -> LabelState:
        """Return what is kept of messages, reporters and entities, as of one moment."""
        return self._state.labels.state(messages, reporters, entities)

    async def keep_labels(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False, and nothing changed, where `expected` isn't so."""
        return self._state.labels.keep(change)

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label (by id) is of, None where unknown."""
        return self._state.labels.messages_of(labels)

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again."""
        for position in positions:
            self._verdicts.pop(position, None)

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
        return self._epochs.setdefault(topic, proposed)

    async def stored_epoch(self, topic: str) -> str | None:
        """Return the topic's epoch, None where none is stored."""
        return self._epochs.get(topic)

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
        """Write the file, if there is one."""
        if self._path is not None:
            self.save()

    def abandon(self) -> None:
        """Have the file stay as it is when the store is closed."""
        self._path = None

    def save(self) -> None:
        """Write all that is kept to the file, in place of what it has.

        Raises OSError if it can't be written, and ValueError without a path.
        """
        if self._path is None:
            raise ValueError("a store without a path can't be saved")
        now = self._clock()
        self._sweep(now)
        left = {
            name: [(key, expires - now, value) for key, (expires, value) in held.items()]
            for name, held in self._expiring().items()
        }
        contents = Contents(
            state=self._state.kept(),
            epochs=self._epochs,
            policies=self._policies,
            missed=self._missed,
            **left,
        )
        write_file(self._path, contents)

    def _restore(self, contents: Contents) -> None:
        self._state.restore(contents.state)
        self._epochs, self._policies = contents.epochs, contents.policies
        self._missed = contents.missed
        now = self._clock()
        for name, held in self._expiring().items():
            for key, seconds, value in getattr(contents, name):
                held[key] = (now + seconds, value)

    def _expiring(self) -> dict[str, dict[Any, tuple[float, Any]]]:
        return {
            "verdicts": self._verdicts,
            "ids": self._ids,
            "revisions": self._revisions,
            "deliveries": self._deliveries,
            "texts": self._texts,
        }

    def _sweep(self, now: float) -> None:
        self._since_sweep = 0
        for held in self._expiring().values():
            _drop_expired(held, now)


def _first(
    known: dict[str, tuple[float, LogPosition]], key: str, place: LogPosition, now: float
) -> LogPosition:
    """Return the place that a key was first seen at within a day; this one if it is new."""
    expires, first = known.get(key, (0.0, place))
    if expires > now:
        return first
    known[key] = (now + _DAY, place)
    return place


def _drop_expired(kept: dict[_K, tuple[float, _V]], now: float) -> None:
    for key in [key for key, (expires, _) in kept.items() if expires <= now]:
        del kept[key]
