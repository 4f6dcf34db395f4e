"""Messages taken out of the archive by their ids, at once and for good."""

from collections.abc import Collection
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import SCHEMA, DataFile, Kind, Manifest, ManifestFiles
from apps.subscriber.archive.rewriting import replaced, table
from apps.subscriber.archive.storage import ArchiveError, Storage

__all__ = ["forget"]

_TRIES: Final = 5  # beside a writer that tidies

Places = set[tuple[int, int]]


def forget(storage: Storage, ids: Collection[str], *, verdicts: bool = False) -> int:
    """Take away messages and envelopes, with `verdicts` also verdicts and labels that name an id.

    A message without an id of its own is found by its verdict's place in the log. Files that held
    one are rewritten, and deleted without the usual hour's grace, as are all of these kinds that
    were merged or expired within it: who reads them is told that they are missing. Returns how
    many rows went. Raises ArchiveError.
    """
    entries = ManifestFiles(storage)
    seen = entries.read()
    places = _places(storage, seen, ids)
    gone = 0
    kinds: tuple[Kind, ...] = ("messages", "verdicts", "labels") if verdicts else ("messages",)
    for kind in kinds:
        for file in seen.of(kind):
            gone += _from_file(storage, entries, file, ids, places)
    replaced_before = entries.read().gone
    for kind in kinds:
        for held in list(storage.listed(f"{kind}/v{SCHEMA}")):
            if held.path in replaced_before:
                storage.delete(held.path)
    return gone


def _from_file(
    storage: Storage,
    entries: ManifestFiles,
    file: DataFile,
    ids: Collection[str],
    places: Places,
) -> int:
    for _ in range(_TRIES):
        seen = entries.read()
        if file.path not in seen.files:
            raise ArchiveError(f"{file.path}: was merged meanwhile; give the command again")
        rows = table(storage, file)
        kept = rows.filter(pc.invert(_named(rows, file.kind, ids, places)))
        if kept.num_rows == rows.num_rows:
            return 0
        if replaced(storage, entries, seen, [file], kept, why="forget", lacks=file.lacks):
            storage.delete(file.path)
            return int(rows.num_rows - kept.num_rows)
    raise ArchiveError("another process changes the archive all the time; try again")


def _named(rows: pa.Table, kind: Kind, ids: Collection[str], places: Places) -> pa.Array:
    if kind == "labels":
        targets = pa.array([f"id:{each}" for each in sorted(ids)], pa.string())
        return pc.is_in(rows.column("target"), targets)
    named = pc.is_in(rows.column("id"), pa.array(sorted(ids), pa.string()))
    if kind == "messages" and places:
        pairs = zip(
            rows.column("partition").to_pylist(), rows.column("offset").to_pylist(), strict=True
        )
        named = pc.or_(named, pa.array([pair in places for pair in pairs]))
    return named


def _places(storage: Storage, seen: Manifest, ids: Collection[str]) -> Places:
    """Return where the messages of verdicts lay in the log."""
    found: Places = set()
    for file in seen.of("verdicts"):
        rows = table(storage, file).select(["id", "log_partition", "log_offset"])
        named = rows.filter(pc.is_in(rows.column("id"), pa.array(sorted(ids), pa.string())))
        for row in named.to_pylist():
            if row["log_partition"] is not None:
                found.add((row["log_partition"], row["log_offset"]))
    return found
