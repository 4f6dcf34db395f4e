"""Files of the archive put in the place of others, in one entry of the manifest."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.block import file_of
from apps.subscriber.archive.manifest import DataFile, Entry, Manifest, ManifestFiles
from apps.subscriber.archive.parquet import batches
from apps.subscriber.archive.schema import COLUMNS
from apps.subscriber.archive.storage import ArchiveError, Storage

__all__ = ["groups", "replaced", "table"]


def groups(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Yield files of the same kind, date, tenant and lacks, each group in order of time."""
    found: dict[tuple[str, ...], list[DataFile]] = {}
    for file in files:
        found.setdefault((file.kind, file.date, file.tenant, *file.lacks), []).append(file)
    for group in found.values():
        yield sorted(group, key=lambda file: (file.since, file.path))


def table(storage: Storage, file: DataFile) -> pa.Table:
    """Return a file whole; raises ArchiveError where it can't be read."""
    try:
        return pa.Table.from_batches(list(batches(storage, file)), COLUMNS[file.kind])
    except (OSError, pa.ArrowException) as error:
        raise ArchiveError(f"{file.path}: {' '.join(str(error).split())[:200]}") from None


def replaced(
    storage: Storage,
    entries: ManifestFiles,
    seen: Manifest,
    old: Sequence[DataFile],
    new: pa.Table,
    *,
    why: str,
    lacks: tuple[str, ...] = (),
) -> Manifest | None:
    """Put a table in the place of files of one kind, date and tenant; without rows they just go.

    Returns what holds then, None where another writer was faster. Raises ArchiveError.
    """
    adds: tuple[DataFile, ...] = ()
    kind, first = old[0].kind, old[0]
    if new.num_rows:
        times = new.column("received_at" if "received_at" in new.schema.names else "appended")
        bounds = pc.min_max(times)
        file, content = file_of(
            kind,
            first.date,
            first.tenant,
            new,
            since=bounds["min"].as_py(),
            until=bounds["max"].as_py(),
            lacks=lacks,
        )
        storage.write(file.path, content)
        adds = (file,)
    removes = tuple(file.path for file in old)
    return entries.publish(Entry(at=datetime.now(UTC), why=why, adds=adds, removes=removes), seen)
