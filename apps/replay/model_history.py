"""What mail.models said, kept in a folder so that the models of any verdict can be had again.

Steps are megabytes an hour, and lie in one file beside an index of them; all else is small.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

import msgspec

from apps.subscriber.recorded import ModelLogRecord
from models.step import Step
from streams.model_records import Executed, Marker, Pointer, StepRecord, Theta, read_model_record

__all__ = ["HistoryWriter", "ModelHistory"]

_STEPS: Final = "steps.bin"
_INDEX: Final = "models.json"


class _Index(msgspec.Struct):
    """`steps`: by sequence, place and length in the file, and digests of schema and layout."""

    steps: dict[int, tuple[int, int, str, str]] = {}
    revoked: list[tuple[int, int]] = []
    pointers: list[Pointer] = []
    thetas: dict[str, Theta] = {}
    malformed: int = 0


class HistoryWriter:
    """Takes records in the order of the log; the index is written when the block ends."""

    def __init__(self, folder: Path) -> None:
        """Begin anew in a folder; raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._index = _Index()
        self._fence = 0
        self._steps = (folder / _STEPS).open("wb")

    def __enter__(self) -> Self:
        """Take records within the block."""
        return self

    def __exit__(self, *error: object) -> None:
        """Write the index."""
        self._steps.close()
        (self._folder / _INDEX).write_bytes(msgspec.json.encode(self._index))

    def add(self, given: ModelLogRecord) -> None:
        """Take a record; an unreadable one, or of a learner replaced, is left out."""
        try:
            record = read_model_record(given.headers, given.value)
        except ValueError:
            self._index.malformed += 1
            return
        if isinstance(record, Executed) or record.fence < self._fence:
            return
        self._fence = record.fence
        match record:
            case StepRecord():
                self._step(record)
            case Marker():
                self._index.revoked += [r for r in record.revoked if r not in self._index.revoked]
                if record.theta is not None:
                    self._index.thetas[record.theta.version] = record.theta
            case Pointer():
                self._index.pointers.append(record)

    def _step(self, record: StepRecord) -> None:
        if record.sequence in self._index.steps:
            return
        content = msgspec.msgpack.encode(record.step)
        place = self._steps.tell(), len(content)
        self._index.steps[record.sequence] = (*place, record.schema, record.layout)
        self._steps.write(content)


class ModelHistory:
    """The records of a folder that `write` filled; picklable, since it is opened anew by path."""

    def __init__(self, folder: Path) -> None:
        """Open a folder; without an index it holds nothing. Raises OSError, msgspec.DecodeError."""
        self._folder = folder
        path = folder / _INDEX
        self._index = msgspec.json.decode(path.read_bytes(), type=_Index) if path.exists() else None
        self._revoked = sorted(self._known.revoked)

    @classmethod
    def write(cls, folder: Path, records: Iterable[ModelLogRecord]) -> "ModelHistory":
        """Keep records, given in the order of the log; what isn't readable is counted only."""
        with HistoryWriter(folder) as writer:
            for record in records:
                writer.add(record)
        return cls(folder)

    @property
    def _known(self) -> _Index:
        return self._index or _Index()

    @property
    def malformed(self) -> int:
        """How many records weren't readable."""
        return self._known.malformed

    @property
    def pointers(self) -> list[Pointer]:
        """Artifacts that were named, in the order of the log."""
        return self._known.pointers

    def theta(self, version: str) -> Theta | None:
        """Return the chances of an audit by the name that verdicts quote."""
        return self._known.thetas.get(version)

    def missing(self, start: int, end: int, schema: str, layout: str) -> int | None:
        """Return the first sequence in (start, end] that is neither here nor revoked, else None.

        A step for another feature schema or token layout isn't here. Nor is the sequence of a
        snapshot that no step led to, so that no state before it is ever led beyond it.
        """
        sequence = start + 1
        while sequence <= end:
            if (last := self._revoked_to(sequence)) is not None:
                sequence = last + 1
                continue
            known = self._known.steps.get(sequence)
            if known is None or known[2:] != (schema, layout):
                return sequence
            sequence += 1
        return None

    def steps(self, start: int, end: int) -> Iterable[tuple[int, Step]]:
        """Yield the steps of (start, end] that count, in order; those that miss are left out."""
        decoder = msgspec.msgpack.Decoder(Step)
        sequence = start + 1
        with (self._folder / _STEPS).open("rb") as file:
            while sequence <= end:
                if (last := self._revoked_to(sequence)) is not None:
                    sequence = last + 1
                    continue
                known = self._known.steps.get(sequence)
                if known is not None:
                    file.seek(known[0])
                    yield sequence, decoder.decode(file.read(known[1]))
                sequence += 1

    def _revoked_to(self, sequence: int) -> int | None:
        return next((last for first, last in self._revoked if first <= sequence <= last), None)
