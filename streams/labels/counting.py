"""Labels counted at once: into the entities' counters, standing reports and reputations.

Counters move first, each label at its own place in mail.labels, so that the state's marks apply it
once. Then all else is kept in one act, together with the place of the last label: a batch that
comes again after that has been counted, and one that comes again before it is worked out to the
same, as nothing that it rests on has changed. While a rebuild counts labels into a new namespace,
none is kept: what was counted into the old one is counted into the new one.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from features.envelope import LogPosition
from models.trust import Trust
from streams.labels.ledger import Ledger, Outcome, asked_of, reported_entities
from streams.labels.message import Taken
from streams.labels.path import Passed, Paths
from streams.stores.label_state import LabelRecord, LabelStore
from streams.stores.protocol import Move, StoreError

__all__ = ["Counting", "CountingStore", "LabelsLostError", "Task"]

_T = TypeVar("_T")

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)  # seconds; the last one again and again

log = structlog.get_logger(__name__)


class LabelsLostError(RuntimeError):
    """The store is behind what was counted into it: one line that says how far."""


class CountingStore(LabelStore, Protocol):
    """What counting asks of a store."""

    async def count(self, moves: Sequence[Move]) -> None:
        """Apply outcomes that whoever calls sends again until they are applied.

        Raises StoreError, StateMovingError while the state is being switched.
        """
        ...


class Task(NamedTuple):
    """A label to count, and its message: the record found, or streams.labels.message.record_of."""

    taken: Taken
    record: LabelRecord


class Counting:
    """Counts labels in the order of their offsets; waits for the store and never skips.

    `epoch` is that of the topic of labels, `trust` gives a tenant's policy in force, `seconds` is
    how long reports stand. `paths` are told what was counted, as far as it can be told.
    """

    def __init__(
        self,
        store: CountingStore,
        epoch: str,
        trust: Callable[[str], Trust],
        seconds: float,
        paths: Paths | None = None,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._trust = trust
        self._seconds = seconds
        self._paths = paths
        self._reached = -1

    async def applied(self) -> int:
        """Return the offset of the last label that is counted, -1 for none: what to go on from.

        Where Redis has lost what it had, it lies behind what was acknowledged; what is missing is
        the caller's to count then. Raises StoreError.
        """
        state = await self._store.label_state()
        self._reached = _offset(state.applied, self._epoch)
        return self._reached

    async def is_behind(self) -> bool:
        """Tell whether the store has lost what this one has counted; raises StoreError."""
        state = await self._store.label_state()
        return _offset(state.applied, self._epoch) < self._reached

    def expects(self, offset: int) -> None:
        """Take a store that hasn't labels up to an offset for one that has lost some."""
        self._reached = max(self._reached, offset)

    async def apply(self, batch: Sequence[Task]) -> list[Outcome]:
        """Count a batch in order; return what came of each label.

        Offsets must rise. May be called again with what was counted before, in whole or in part:
        the outcomes are the same, and nothing is counted twice. Returns when all is kept. Raises
        LabelsLostError where the store is behind what this one has counted; see `applied`.
        """
        if not batch:
            return []
        outcomes = await self._patiently(lambda: self._apply(batch))
        await self._tell(batch, outcomes)
        return outcomes

    async def _apply(self, batch: Sequence[Task]) -> list[Outcome]:
        while True:
            ledger, outcomes = await self._worked_out(batch)
            if all(outcome.again for outcome in outcomes):
                return outcomes
            await self._store.count(ledger.moves)
            credited = ledger.credited()
            others = {}
            if credited:
                others = dict((await self._store.label_state(reporters=credited)).reporters)
            change = ledger.kept(others)
            if await self._store.keep_labels(change):
                self._reached = _offset(change.applied, self._epoch)
                return outcomes
            log.warning("labels_counted_elsewhere", epoch=self._epoch)
            await asyncio.sleep(_PAUSES[0])

    async def _worked_out(self, batch: Sequence[Task]) -> tuple[Ledger, list[Outcome]]:
        messages, reporters = asked_of(batch)
        entities = reported_entities(task.record for task in batch)
        state = await self._store.label_state(messages, reporters, entities)
        kept = reported_entities(state.labelled.values())
        if not set(kept) <= set(entities):  # another release may have found others
            every = list(dict.fromkeys((*entities, *kept)))
            state = await self._store.label_state(messages, reporters, every)
        applied = _offset(state.applied, self._epoch)
        if applied < self._reached:
            raise LabelsLostError(
                f"Redis has lost labels: they were counted up to {self._reached}, and it has those "
                f"up to {applied}"
            )
        self._reached = applied
        ledger = Ledger(state, reporters, self._epoch, self._trust, self._seconds)
        return ledger, [ledger.hear(task.taken, task.record) for task in batch]

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call until the store answers."""
        tries = 0
        while True:
            try:
                return await call()
            except StoreError as error:
                log.warning("store_failed", step="labels", error=str(error), tries=tries)
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1

    async def _tell(self, batch: Sequence[Task], outcomes: Sequence[Outcome]) -> None:
        if self._paths is None:
            return
        passed = [
            _passed(task.taken, outcome) for task, outcome in zip(batch, outcomes, strict=True)
        ]
        with contextlib.suppress(
            StoreError, RedisError, OSError
        ):  # told for people, and decides nothing
            await self._paths.tell(passed)


def _offset(place: LogPosition | None, epoch: str) -> int:
    return place.offset if place is not None and place.epoch == epoch else -1


def _passed(taken: Taken, outcome: Outcome) -> Passed:
    label = taken.label
    if label.retracts:
        return Passed(label.retracts, "retracted", taken.at)
    why = outcome.voice.why if outcome.voice else "nothing new, or its message has too many labels"
    return Passed(label.id, "counted", taken.at, why)
