"""What has had its time goes: messages, then vectors, then verdicts, labels and steps."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import DataFile, ManifestFiles
from apps.subscriber.archive.rewriting import replaced, table
from apps.subscriber.archive.schema import COLUMNS
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.archive.unread import Say, ignore
from streams.archive_section import ArchiveSection

__all__ = ["Expired", "expire"]

_STEP: Final = "weir.model.step"


class Expired(NamedTuple):
    """How many files went, and from how many others something was taken."""

    gone: int
    thinned: int


def expire(storage: Storage, section: ArchiveSection, now: datetime, say: Say = ignore) -> Expired:
    """Take away what the settings keep no longer; a file goes once all of its rows may.

    A file spans a day at most. Files without a reader any more are deleted by `sweep`. A file that
    can't be read is said and stays until it may go as a whole. Raises ArchiveError.
    """
    entries = ManifestFiles(storage)
    seen = entries.read()
    gone = thinned = 0
    for file in list(seen.files.values()):
        rest = _rest(storage, file, section, now, say)
        if rest is None:
            continue
        lacks = (*file.lacks, *_lost(file, rest))
        after = replaced(storage, entries, seen, [file], rest, why="expire", lacks=lacks)
        if after is None:
            seen = entries.read()
            continue
        seen = after
        gone += not rest.num_rows
        thinned += bool(rest.num_rows)
    return Expired(gone, thinned)


def _rest(
    storage: Storage, file: DataFile, section: ArchiveSection, now: datetime, say: Say
) -> pa.Table | None:
    """Return what stays of a file, None where nothing changes."""
    nothing = COLUMNS[file.kind].empty_table()
    older = now - file.until
    if file.kind == "messages":
        return nothing if older > timedelta(days=section.raw_days) else None
    ended = older > timedelta(days=section.verdict_days)
    if ended and file.kind != "models":
        return nothing
    try:
        if ended and "steps" not in file.lacks:
            rows = table(storage, file)
            return rows.filter(pc.not_equal(rows.column("type"), _STEP))
        thin = older > timedelta(days=section.vector_days) and "vector" not in file.lacks
        if file.kind == "verdicts" and thin:
            return _without_vectors(table(storage, file))
    except ArchiveError as error:
        say(f"not expired: {error}")
    return None


def _without_vectors(rows: pa.Table) -> pa.Table:
    """Return verdicts without their vectors.

    A record from which the vector couldn't be cut, as nothing of ours writes one, goes whole.
    """
    schema = rows.schema
    cut = pc.is_valid(rows.column("cut"))
    empty = pc.match_substring(rows.column("record").cast(pa.large_binary()), b'"f32":""')
    record = pc.if_else(pc.or_(cut, empty), rows.column("record"), pa.scalar(None, pa.binary()))
    nulls = pa.nulls(rows.num_rows, pa.binary())
    rows = rows.set_column(schema.get_field_index("record"), "record", record)
    return rows.set_column(schema.get_field_index("vector"), "vector", nulls)


def _lost(file: DataFile, rest: pa.Table) -> tuple[str, ...]:
    if not rest.num_rows:
        return ()
    return ("vector",) if file.kind == "verdicts" else ("steps",)
