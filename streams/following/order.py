"""What a scorer does about each record of `mail.models`, as a state machine without any I/O.

Records go in in the order of the log; what comes out says which steps to apply, when the state
must have which digest, and when a snapshot is the only way on (docs/topics/models.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streams.model_records import Executed, Marker, ModelRecord, Pointer, StepRecord

__all__ = [
    "Action",
    "Apply",
    "Due",
    "Jump",
    "Load",
    "Order",
    "Refuse",
    "Reload",
    "Rewind",
    "Seen",
    "Verify",
]

Reason = Literal["schema", "layout", "fence"]


class Seen(NamedTuple):
    """A record with its place in the log and its append time (s); `size` in bytes."""

    record: ModelRecord
    offset: int
    at: float
    size: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """A step whose turn has come. `step_at` and `published_at` are append times (s)."""

    record: StepRecord
    step_at: float
    published_at: float


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply these steps, in order; after them the state is that of `sequence`."""

    steps: tuple[Due, ...]
    sequence: int


@dataclass(frozen=True, slots=True)
class Verify:
    """The state after `sequence` must have this digest."""

    sequence: int
    digest: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """A record that doesn't count, and why."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Reload:
    """Steps are missing that were published: only a snapshot leads on."""

    published: int


@dataclass(frozen=True, slots=True)
class Jump:
    """The online models go on from another state, that of this snapshot: all else is void."""

    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Load:
    """The learner names an artifact: a snapshot of the state, a shadow, or a classifier."""

    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Rewind:
    """Read again from this offset: steps there weren't kept for want of room."""

    offset: int


Action = Apply | Verify | Refuse | Reload | Jump | Load | Rewind


class Order:
    """Where a scorer stands: the steps it has and those that wait for their marker.

    Starts at a snapshot of `sequence` under `fence` (0 and 0 without one) and wants all later
    records; `heeded` is the offset up to which pointers were heeded before. `schema` and `layout`
    are those that the models here read. At most `room` bytes of steps wait in memory; what is
    beyond is read again when its turn has come.

    `applied` is the sequence of the state, `published` the last that a marker let out, `seen` the
    last one read; `marker` the last marker that counted.
    """

    def __init__(
        self,
        *,
        schema: str,
        layout: str,
        sequence: int = 0,
        fence: int = 0,
        heeded: int = -1,
        room: int = 64 << 20,
    ) -> None:
        self._schema, self._layout = schema, layout
        self._room = room
        self._fences = [(-1, fence)]  # from which offset on which fence is in force
        self.applied = self.published = self.seen = sequence
        self.heeded = heeded
        self.marker: Marker | None = None
        self._read = -1  # the highest offset; below it all but steps has been heeded
        self._marked_at = 0.0
        self._digest: tuple[int, str] | None = None
        self._waiting: dict[int, tuple[StepRecord, float, int]] = {}
        self._held = 0
        self._left_out: int | None = None  # the offset of the first step that had no room
        self._revoked: list[tuple[int, int]] = []

    @property
    def fence(self) -> int:
        """The fence in force."""
        return self._fences[-1][1]

    @property
    def behind(self) -> int:
        """How many sequences were read that aren't applied, those that wait for a marker too."""
        return max(0, self.seen - self.applied)

    @property
    def held(self) -> int:
        """Bytes of the steps that wait."""
        return self._held

    def read(self, seen: Seen) -> list[Action]:
        """Return what a record makes due, in order."""
        record = seen.record
        again, self._read = seen.offset <= self._read, max(seen.offset, self._read)
        if isinstance(record, Executed) or (again and not isinstance(record, StepRecord)):
            return []
        if record.fence < self._fence_at(seen.offset):
            return [Refuse("fence")]
        if record.fence > self.fence:  # its claim may lie before the place where reading began
            self._fences.append((seen.offset, record.fence))
        match record:
            case StepRecord():
                return self._step(record, seen)
            case Marker():
                return self._publish(record, seen)
            case Pointer() if seen.offset > self.heeded:
                self.heeded = seen.offset
                return self._point(record)
            case _:
                return []

    def _step(self, record: StepRecord, seen: Seen) -> list[Action]:
        if record.sequence <= self.applied or record.sequence in self._waiting:
            return []  # a repetition, or in the snapshot
        if record.schema != self._schema or record.layout != self._layout:
            return [Refuse("schema" if record.schema != self._schema else "layout")]
        self.seen = max(self.seen, record.sequence)
        if not self._is_revoked(record.sequence) and self._has_room(record, seen):
            self._waiting[record.sequence] = (record, seen.at, seen.size)
            self._held += seen.size
        return self._go_on()

    def _has_room(self, record: StepRecord, seen: Seen) -> bool:
        """Tell whether a step may wait; after one that had no room only those let out may."""
        if record.sequence == self._next() <= self.published:
            return True
        if self._left_out is None and self._held + seen.size > self._room:
            self._left_out = seen.offset
        return self._left_out is None

    def _publish(self, record: Marker, seen: Seen) -> list[Action]:
        self.marker = record
        self._revoke(record.revoked)
        self.seen = max(self.seen, *(last for _, last in record.revoked), record.published)
        if record.published <= self.published:
            return self._go_on()
        self.published, self._marked_at = record.published, seen.at
        self._digest = (record.published, record.digest)
        found = self._go_on()
        if self.applied == self.published:
            return found
        if self._left_out is None:
            return [*found, Reload(self.published)]
        offset, self._left_out = self._left_out, None
        return [*found, Rewind(offset)]

    def _point(self, record: Pointer) -> list[Action]:
        """Tell a snapshot whose sequence no step has from one of the state that steps lead to."""
        if record.model != "online" or record.stage != "live" or record.sequence <= self.seen:
            return [Load(record)]
        self.applied = self.published = self.seen = record.sequence
        self._waiting.clear()
        self._held, self._left_out, self._digest = 0, None, None
        return [Jump(record)]

    def _go_on(self) -> list[Action]:
        """Take all steps whose turn has come."""
        due = []
        while (following := self._next()) <= self.published and following in self._waiting:
            record, at, size = self._waiting.pop(following)
            self._held -= size
            self.applied = following
            due.append(Due(record, at, self._marked_at))
        if self.applied < self.published < self._next():
            self.applied = self.published  # the rest was revoked
        found: list[Action] = [Apply(tuple(due), self.applied)] if due else []
        if self._digest is not None and self.applied == self._digest[0]:
            found.append(Verify(*self._digest))
            self._digest = None
        return found

    def _next(self) -> int:
        """Return the sequence after the last applied one, beyond what was revoked."""
        following = self.applied + 1
        while (end := self._end_of(following)) is not None:
            following = end + 1
        return following

    def _end_of(self, sequence: int) -> int | None:
        return next((last for first, last in self._revoked if first <= sequence <= last), None)

    def _is_revoked(self, sequence: int) -> bool:
        return self._end_of(sequence) is not None

    def _revoke(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Forget steps that never count; what was applied stays, and a digest will tell."""
        known = {*self._revoked, *ranges}
        self._revoked = sorted(each for each in known if each[1] > self.applied)
        for sequence in [it for it in self._waiting if self._is_revoked(it)]:
            self._held -= self._waiting.pop(sequence)[2]

    def _fence_at(self, offset: int) -> int:
        """Return the fence that was in force where a record lies: it may be read a second time."""
        return next(fence for start, fence in reversed(self._fences) if start <= offset)
