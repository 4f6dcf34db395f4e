"""What the topic of models says of them: which are live, which are shadows, whether they learn."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from models.snapshot import Snapshot
from streams.model_records import (
    Claim,
    Executed,
    Marker,
    Pointer,
    StepRecord,
    read_model_record,
)

__all__ = ["Entry", "Listing", "State", "read_all", "read_on"]

State = Literal["live", "shadow", "earlier", "retired"]

_STEP = b"weir.model.step"
_WAIT_MS = 300


class Entry(NamedTuple):
    """An artifact that was announced: its latest pointer, its state, since when (epoch seconds).

    `earlier` was live until another of its model became so: a rollback may go back to it.
    """

    pointer: Pointer
    state: State
    since: float


class Listing:
    """The records of mail.models folded in their order; those of lower fences count for nothing.

    `learned` is when the last step was appended (epoch seconds; 0: none was read).
    """

    def __init__(self) -> None:
        self.fence = 0
        self.claim: Claim | None = None
        self.claimed_at = 0.0
        self.marker: Marker | None = None
        self.marked_at = 0.0
        self.frozen_since = 0.0
        self.learned = 0.0
        self.executed: dict[str, Executed] = {}
        self.malformed = 0
        self._entries: dict[tuple[str, str], Entry] = {}

    @property
    def frozen(self) -> bool:
        """Whether an operator has stopped learning."""
        return self.marker is not None and self.marker.frozen

    @property
    def closed(self) -> str:
        """Why the gate holds steps back; '' where it is open."""
        return self.marker.closed if self.marker else ""

    def entries(self) -> list[Entry]:
        """Return what was announced, by model, the latest first."""
        found = sorted(self._entries.values(), key=lambda entry: entry.since, reverse=True)
        return sorted(found, key=lambda entry: entry.pointer.model)

    def live(self, model: str) -> Entry | None:
        """Return what is live of a model; None where nothing was announced."""
        return next(
            (e for e in self.entries() if e.state == "live" and e.pointer.model == model), None
        )

    def take(self, headers: Any, value: bytes | None, at: float) -> None:
        """Take a record as it lies in the topic; `at` is its append time (epoch seconds).

        What can't be read is counted in `malformed` and changes nothing.
        """
        if any(name == "ce_type" and content == _STEP for name, content in headers):
            self.learned = at  # steps are many and large: nothing else of them is shown
            return
        try:
            record = read_model_record(headers, value)
        except ValueError:
            self.malformed += 1
            return
        if isinstance(record, StepRecord) or record.fence < self.fence:
            return
        self.fence = record.fence
        match record:
            case Claim():
                self.claim, self.claimed_at = record, at
            case Marker():
                if record.frozen and not self.frozen:
                    self.frozen_since = at
                self.marker, self.marked_at = record, at
            case Executed():
                self.executed[record.command] = record
            case Pointer():
                self._point(record, at)

    def _point(self, pointer: Pointer, at: float) -> None:
        key = (pointer.model, pointer.digest)
        before = self._entries.get(key)
        if before is not None and before.state == "live" and pointer.stage == "shadow":
            return  # it acts all the same
        if pointer.stage == "live":
            for other, entry in self._entries.items():
                if other[0] == pointer.model and other != key and entry.state == "live":
                    self._entries[other] = entry._replace(state="earlier", since=at)
        since = before.since if before and before.state == pointer.stage else at
        self._entries[key] = Entry(pointer, pointer.stage, since)


async def read_all(
    consumer: Any,
    topic: str,
    told: Callable[[int, int], None] = lambda _done, _total: None,
    since: Snapshot | None = None,
) -> Listing:
    """Read the topic of models to its present end; the consumer stands behind that then.

    From the beginning, which may be gigabytes of steps, or from the place of a snapshot: what is
    in force is announced again behind each, and what was live earlier isn't known then. `told` is
    given the records done and all there are.
    """
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    (start,) = (await consumer.beginning_offsets([place])).values()
    (end,) = (await consumer.end_offsets([place])).values()
    if since is not None and since.log is not None and start <= since.log.offset < end:
        consumer.seek(place, since.log.offset)
        if _belongs(await consumer.getone(place), since):
            start = since.log.offset
    consumer.seek(place, start)
    listing = Listing()
    while (at := await consumer.position(place)) < end:
        told(at - start, end - start)
        await read_on(consumer, listing)
    told(end - start, end - start)
    return listing


def _belongs(record: Any, since: Snapshot) -> bool:
    """Tell whether a record at a snapshot's place is that snapshot's: the topic may be another."""
    try:
        found = read_model_record(record.headers, record.value)
    except ValueError:
        return False
    match found:
        case Marker():
            return found.published == since.sequence
        case Pointer():
            return found.sequence == since.sequence
    return False


async def read_on(consumer: Any, listing: Listing) -> None:
    """Take what has come since, or wait a moment for it."""
    for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
        for record in records:
            listing.take(record.headers, record.value, record.timestamp / 1000)
