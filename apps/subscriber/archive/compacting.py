"""Small files of one kind, date and tenant merged into few; what lay twice in a topic goes."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import DataFile, ManifestFiles
from apps.subscriber.archive.rewriting import groups, replaced, table
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.archive.unread import Say, ignore

__all__ = ["compact"]

_ROWS: Final = 65_536  # of a merged file: what is merged at once is held in memory
_BYTES: Final = 33_554_432
_FEWEST: Final = 4  # files worth merging


def compact(storage: Storage, say: Say = ignore, *, fewest: int = _FEWEST) -> int:
    """Merge small files; return how many files went.

    A file that can't be read is said and stays as it is. Raises ArchiveError where the archive
    can't be read or written.
    """
    entries = ManifestFiles(storage)
    seen = entries.read()
    gone = 0
    for group in groups(list(seen.files.values())):
        for part in _parts(group):
            if len(part) < fewest:
                continue
            tables = []
            readable = []
            for file in part:
                try:
                    tables.append(table(storage, file))
                    readable.append(file)
                except ArchiveError as error:
                    say(f"not merged: {error}")
            if len(readable) < 2:
                continue
            merged = pa.concat_tables(tables)
            if part[0].kind != "messages":  # of which each has its place, that a verdict may name
                merged = _first_of_each(merged)
            lacks = part[0].lacks
            after = replaced(storage, entries, seen, readable, merged, why="compact", lacks=lacks)
            if after is None:
                seen = entries.read()
                continue
            seen = after
            gone += len(readable) - 1
    return gone


def _parts(group: list[DataFile]) -> Iterator[list[DataFile]]:
    part: list[DataFile] = []
    rows = size = 0
    for file in group:
        if file.rows >= _ROWS // 2 or file.bytes >= _BYTES // 2:
            continue
        if part and (rows + file.rows > _ROWS or size + file.bytes > _BYTES):
            yield part
            part, rows, size = [], 0, 0
        part.append(file)
        rows, size = rows + file.rows, size + file.bytes
    if part:
        yield part


def _first_of_each(rows: pa.Table) -> pa.Table:
    """Return rows without those whose event is there already: the first in the topic stays."""
    if "event" not in rows.schema.names:
        return rows
    rows = rows.sort_by([("appended", "ascending"), ("offset", "ascending")])
    seen: set[str] = set()
    keep = []
    for event in rows.column("event").to_pylist():
        keep.append(not event or event not in seen)
        seen.add(event)
    return rows if all(keep) else rows.filter(pa.array(keep))
