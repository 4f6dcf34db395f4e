"""Entities in this process's memory, with the numbers and bounds that the script has in Redis.

It is synchronous, reads no clock, and keeps segments, budgets and marks by shard, so that what it
gives up and what it takes for applied is what Redis would.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from features.reported import Report
from features.rolling import KINDS, Entity, Increment, Kind, Reading
from streams.stores.budgets import SEGMENTS, Budget, Share, budgets, shard_of, share
from streams.stores.entity_records import added, is_full, read
from streams.stores.label_memory import LabelMemory, LabelsKept
from streams.stores.label_state import is_reported
from streams.stores.message_index import SECONDS
from streams.stores.protocol import Advanced, LayoutError, Mention, Move, Step, Usage

__all__ = ["Kept", "RollingMemory"]

_LAST_SECOND: Final = 2**32 - 1
_KEY_BYTES: Final = 12
_TIME_BYTES: Final = 8
_ITEM_BYTES: Final = 3
_ENTRY_BYTES: Final = 150  # what Python keeps around a key and a record in a dict


class Segments(msgspec.Struct):
    """Segments of one shard, kind and size of record, the newest first."""

    began: int = 0
    held: list[dict[bytes, bytes]] = []

    def begin(self, at: float) -> None:
        """Begin a new segment, and give up the oldest for it."""
        self.began = min(max(0, math.floor(at)), _LAST_SECOND)
        self.held.insert(0, {})
        del self.held[SEGMENTS:]


class Shelf(msgspec.Struct):
    """What a shard keeps of a kind."""

    full: Segments
    small: Segments

    def segments(self, record: bytes) -> Segments:
        """Return the segments for a record of this size."""
        return self.full if is_full(record) else self.small

    def all(self) -> list[dict[bytes, bytes]]:
        """Return every segment, in the order in which an entity is looked for."""
        return [*self.full.held, *self.small.held]


class Kept(msgspec.Struct):
    """All that a RollingMemory keeps, as msgspec can write and check it."""

    shards: int
    shelves: list[tuple[int, str, Shelf]]
    marks: list[tuple[int, str, int, Step, int]]
    index: list[tuple[bytes, float, Mention]]
    now: float
    labels: LabelsKept = msgspec.field(default_factory=LabelsKept)


class _Entry:
    """An entity during a call: read once, and written once if it has changed."""

    __slots__ = ("at", "home", "key", "kind", "record", "shelf")

    def __init__(self, kind: Kind, key: bytes, shelf: Shelf) -> None:
        self.kind, self.key, self.shelf = kind, key, shelf
        self.at: float | None = None  # of the last increment
        self.home: dict[bytes, bytes] | None = None
        self.record: bytes | None = None
        for segment in shelf.all():
            if key in segment:
                self.home, self.record = segment, segment[key]
                return


class RollingMemory:
    """Keeps entities, marks and the index of Message-IDs, within budgets by kind's name."""

    def __init__(self, shards: int = 64, held: Mapping[str, Budget] | None = None) -> None:
        self.shards = shards
        held = budgets(Budget()) if held is None else held
        self._shares: dict[str, Share] = {
            name: share(kind, held[name], shards) for name, kind in KINDS.items()
        }
        self._shelves: dict[tuple[int, str], Shelf] = {}
        self._marks: dict[tuple[int, str, int, Step], int] = {}
        self._index: dict[bytes, tuple[float, Mention]] = {}
        self._now = -math.inf
        self.labels = LabelMemory()

    def advance(self, step: Step, moves: Sequence[Move]) -> list[Advanced]:
        """Apply one step of each message, in order; return its readings after an arrival."""
        entries: dict[tuple[int, str, bytes], _Entry] = {}
        advanced = []
        for move in moves:
            self._now = max(self._now, move.at)
            applies: dict[int, bool] = {}  # by shard, as it was before this message
            readings = tuple(
                self._take(step, move, increment, applies, entries) for increment in move.increments
            )
            mentions = tuple(self.mentioned(mention) for mention in move.mentions)
            advanced.append(Advanced(readings, mentions, self._reported(move)))
        for entry in entries.values():
            if entry.at is not None:
                self._keep(entry, entry.at)
        return advanced

    def _take(
        self,
        step: Step,
        move: Move,
        increment: Increment,
        applies: dict[int, bool],
        entries: dict[tuple[int, str, bytes], _Entry],
    ) -> Reading | None:
        (kind, key, _), items, tag = increment
        shard = shard_of(key, self.shards)
        entry = entries.get((shard, kind.code, key))
        if entry is None:
            shelf = self._shelves.get((shard, kind.code))
            if shelf is None:
                shelf = self._shelves[shard, kind.code] = Shelf(Segments(), Segments())
            entry = entries[shard, kind.code, key] = _Entry(kind, key, shelf)
        if items and move.adds and self._applies(step, move, shard, applies):
            entry.at = move.at
            entry.record = added(kind, entry.record, move.at, items, tag, arrival=step == "arrival")
        if entry.record is None or step == "outcome":
            return None
        return read(kind, entry.record, move.at)

    def _applies(self, step: Step, move: Move, shard: int, applies: dict[int, bool]) -> bool:
        """Tell whether a message's increments are new to a shard, and raise the shard's mark."""
        if move.position is None:
            return True
        if shard not in applies:
            epoch, partition, offset = move.position
            mark = (shard, epoch, partition, step)
            applies[shard] = offset > self._marks.get(mark, -1)
            if applies[shard]:
                self._marks[mark] = offset
        return applies[shard]

    def _keep(self, entry: _Entry, at: float) -> None:
        assert entry.record is not None
        segments = entry.shelf.segments(entry.record)
        held = self._shares[entry.kind.name]
        if not segments.held or at - segments.began > held.span:
            segments.begin(at)
        if entry.home is not segments.held[0]:
            most = held.entities if segments is entry.shelf.full else held.sightings
            if len(segments.held[0]) >= most:
                segments.begin(at)
            if entry.home is not None:
                entry.home.pop(entry.key, None)
        segments.held[0][entry.key] = entry.record

    def index(self, message_id: bytes, mention: Mention) -> None:
        """Remember a message by its Message-ID's keyed hash, for 3 d of the messages' time."""
        while self._index:  # the oldest come first
            oldest = next(iter(self._index))
            if self._now - self._index[oldest][0] <= SECONDS:
                break
            del self._index[oldest]
        self._index.setdefault(message_id, (self._now, mention))

    def mentioned(self, message_id: bytes) -> Mention | None:
        """Return the message of a Message-ID's keyed hash, None where none is remembered."""
        at, mention = self._index.get(message_id, (-math.inf, None))
        return mention if self._now - at <= SECONDS else None

    def _reported(self, move: Move) -> tuple[tuple[Report, ...], ...]:
        if not self.labels.kept.reports:
            return ()
        reports = tuple(
            self.labels.reports(entity) if is_reported(entity) else ()
            for entity, _, _ in move.increments
        )
        return reports if any(reports) else ()

    def kept(self) -> Kept:
        """Return all there is, for `restore`; it isn't copied."""
        return Kept(
            self.shards,
            [(*place, shelf) for place, shelf in self._shelves.items()],
            [(*mark, offset) for mark, offset in self._marks.items()],
            [(key, *entry) for key, entry in self._index.items()],
            self._now,
            self.labels.kept,
        )

    def restore(self, kept: Kept) -> None:
        """Take over what was kept, in place of all there is.

        Raises LayoutError, one line, for another number of shards or a record that isn't one.
        """
        if kept.shards != self.shards:
            raise LayoutError(f"state.shards = {self.shards}; allowed: {kept.shards}, as kept")
        kinds = {kind.code: kind for kind in KINDS.values()}
        for _, code, shelf in kept.shelves:
            if code not in kinds or not all(_are_whole(kinds[code], held) for held in shelf.all()):
                raise LayoutError(f"the kept state has a record of kind {code!r} that isn't one")
        self._shelves = {(shard, code): shelf for shard, code, shelf in kept.shelves}
        self._marks = {
            (shard, epoch, partition, step): offset
            for shard, epoch, partition, step, offset in kept.marks
        }
        self._index = {key: (at, mention) for key, at, mention in kept.index}
        self._now = kept.now
        self.labels.kept = kept.labels

    def marks(self, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition of the mail log."""
        highest: dict[int, int] = {}
        for (_, its_epoch, partition, _), offset in self._marks.items():
            if its_epoch == epoch:
                highest[partition] = max(highest.get(partition, -1), offset)
        return highest

    def read(self, entity: Entity, at: float = 0.0) -> Reading | None:
        """Return what is kept of an entity at time `at` (seconds), or its last sight if later."""
        shelf = self._shelves.get((shard_of(entity.key, self.shards), entity.kind.code))
        record = None if shelf is None else _Entry(entity.kind, entity.key, shelf).record
        return None if record is None else read(entity.kind, record, at)

    def forget_entities(self, entities: Sequence[Entity]) -> int:
        """Delete what is kept of entities; return of how many something was kept."""
        count = 0
        for entity in entities:
            shelf = self._shelves.get((shard_of(entity.key, self.shards), entity.kind.code))
            segments = shelf.all() if shelf else []
            count += any(segment.pop(entity.key, None) is not None for segment in segments)
        return count

    def usage(self) -> dict[str, Usage]:
        """Return what is kept of each kind."""
        usage = {}
        for name, kind in KINDS.items():
            shelves = [shelf for (_, code), shelf in self._shelves.items() if code == kind.code]
            full, small = (
                [len(record) for segments in classes for held in segments.held
                 for record in held.values()]
                for classes in (
                    [shelf.full for shelf in shelves], [shelf.small for shelf in shelves]
                )
            )  # fmt: skip
            size = sum(full) + sum(small) + _ENTRY_BYTES * (len(full) + len(small))
            usage[name] = Usage(len(full), len(small), size)
        return usage


def _are_whole(kind: Kind, held: Mapping[bytes, bytes]) -> bool:
    return all(
        len(key) == _KEY_BYTES
        and (
            (len(record) == kind.size or (kind.tagged and len(record) > kind.size))
            if is_full(record)
            else len(record) >= _TIME_BYTES
            and len(record) % _ITEM_BYTES == _TIME_BYTES % _ITEM_BYTES
        )
        for key, record in held.items()
    )
