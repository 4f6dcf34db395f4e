"""The archive's files as tables: opened when asked for, pruned by date, tenant and time."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.dataset as ds  # type: ignore[import-untyped]  # no types

from apps.analysis.sealed import seal
from apps.analysis.views import LABEL_RECORDS, VERDICT_RECORDS, VIEWS
from apps.subscriber.archive.manifest import DataFile, Kind
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.schema import COLUMNS

__all__ = ["MEMORY", "Tables", "open_tables"]

MEMORY: Final = "2GB"
_FOLDERS: Final = (pa.field("date", pa.date32()), pa.field("tenant", pa.string()))


class Tables(NamedTuple):
    """An archive to be asked: a sealed DuckDB with its views, and the verdicts in Arrow."""

    duckdb: duckdb.DuckDBPyConnection
    verdicts: ds.Dataset


def open_tables(archive: Archive, *, memory: str = MEMORY, without: Sequence[str] = ()) -> Tables:
    """Return the tables of an archive: its verdicts, its labels, and the views on them.

    `without` are paths of files to pass over. No file is opened yet, and a damaged one makes the
    question fail that reads it.
    """

    def table(kind: Kind) -> ds.Dataset:
        return _dataset(archive, kind, [f for f in archive.files(kind) if f.path not in without])

    verdicts = table("verdicts")
    views = {name: view.sql for name, view in VIEWS.items()}
    tables = {VERDICT_RECORDS: verdicts, LABEL_RECORDS: table("labels")}
    return Tables(seal(tables, views, memory=memory), verdicts)


def _dataset(archive: Archive, kind: Kind, files: Sequence[DataFile]) -> ds.Dataset:
    schema = pa.schema([*COLUMNS[kind], *_FOLDERS])
    if not files:
        return ds.dataset(schema.empty_table())
    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True, pre_buffer=True)
    form = ds.ParquetFileFormat(default_fragment_scan_options=options)
    storage = archive.storage
    fragments = [
        form.make_fragment(storage.place(file.path), storage.system, _guaranteed(kind, file))
        for file in files
    ]
    return ds.FileSystemDataset(fragments, schema, form, storage.system)


def _guaranteed(kind: Kind, file: DataFile) -> Any:
    """Return what holds for each row of a file, by which it needn't be opened."""
    day = pa.scalar(date.fromisoformat(file.date), pa.date32())
    at = ds.field("received_at" if kind == "verdicts" else "appended")
    since, until = (pa.scalar(it, pa.timestamp("us", "UTC")) for it in (file.since, file.until))
    of_folders = (ds.field("date") == day) & (ds.field("tenant") == file.tenant)
    return of_folders & (at >= since) & (at <= until)
