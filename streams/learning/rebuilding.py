"""The models made anew from a snapshot, or from nothing, and all steps: always the same bits."""

from collections.abc import Callable
from typing import NamedTuple

from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import Snapshot
from streams.learning.lineage import Lineage, SchemaError
from streams.learning.memory import Memory
from streams.learning.model_log import Entry, open_model_log
from streams.learning.snapshotting import Snapshots
from streams.model_records import Marker, Pointer, StepRecord
from streams.registry import Registry
from streams.settings import Settings

__all__ = ["Rebuilt", "rebuild"]

Told = Callable[[int, int], None]


class Rebuilt(NamedTuple):
    """What was rebuilt: from which sequence to which, by how many steps, with which digest.

    `wanted` is the digest of the last marker, '' where there is none. `missing` says in one line
    what the log lacks, '' for nothing.
    """

    start: int
    sequence: int
    steps: int
    digest: str
    wanted: str
    missing: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the state is the published one, to the last bit."""
        return not self.missing and self.wanted in ("", self.digest)


class _Counted:
    """Follows the log, and counts what it follows."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self.steps = 0
        self.wanted = ""
        self.missing = ""

    def follow(self, entry: Entry) -> None:
        record = entry.record
        if record is None:
            self.missing = self.missing or f"offset {entry.offset}: {entry.reason}"
            return
        counts = record.fence >= self.lineage.fence
        before = self.lineage.sequence
        try:
            self.lineage.follow(record)
        except (SchemaError, ValueError) as error:
            self.missing = self.missing or str(error)
            self.lineage.lost = True
        if isinstance(record, StepRecord):
            self.steps += self.lineage.sequence > before
        elif isinstance(record, Marker) and counts:
            self.wanted = record.digest
        if self.lineage.lost and not self.missing:
            self.missing = f"steps after {before} are no longer in the log; take a later snapshot"


async def rebuild(
    settings: Settings,
    snapshots: Snapshots,
    registry: Registry,
    epoch: str,
    told: Told,
    *,
    from_nothing: bool = False,
) -> Rebuilt:
    """Rebuild the published models from the oldest snapshot, else from nothing; write nothing.

    `epoch` is that of the models' topic; `told(done, total)` hears of records read. Raises
    TopicError where Kafka can't be reached, ArtifactError for a folder that can't be read.
    """
    found = None if from_nothing else snapshots.oldest()
    counted = _Counted(_begin(found, snapshots, registry))
    async with open_model_log(settings) as log:
        start = await log.start_of(found[2].log if found else None, epoch)
        await log.seek(start)
        end = await log.end()
        told(0, end - start)
        async for entry in log.until(end):
            counted.follow(entry)
            told(entry.offset - start + 1, end - start)
    lineage = counted.lineage
    return Rebuilt(
        start=found[2].sequence if found else 0,
        sequence=lineage.published_sequence,
        steps=counted.steps,
        digest=lineage.published.state_digest(),
        wanted=counted.wanted,
        missing=counted.missing,
    )


def _begin(
    found: tuple[Ensemble, Memory, Snapshot] | None, snapshots: Snapshots, registry: Registry
) -> Lineage:
    def load(pointer: Pointer) -> Ensemble | None:
        try:
            return snapshots.open(registry.read(pointer))
        except ArtifactError:
            return None

    models, memory = found[:2] if found else snapshots.fresh()
    lineage = Lineage(models, memory, snapshots.layout, load)
    if found:
        lineage.go_on_from(found[2])
    return lineage
