"""Tables of the archive as Parquet, and back in small batches; a damaged page is noticed."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import SCHEMA, DataFile, Kind
from apps.subscriber.archive.schema import ORDER, ROWS_A_GROUP
from apps.subscriber.archive.storage import Storage

__all__ = ["batches", "encoded"]

_LEVEL: Final = 3
_BYTES: Final = ("record", "vector", "raw", "envelope")  # nothing repeats as a whole in these
_BATCH: Final[dict[Kind, int]] = {
    "verdicts": 512,
    "messages": 16,
    "labels": 4096,
    "models": 512,
}


def encoded(kind: Kind, table: pa.Table) -> bytes:
    """Return a table, sorted as the kind's files are, as the bytes of a file."""
    table = table.sort_by([(name, "ascending") for name in ORDER[kind]])
    texts = [name for name in table.schema.names if name not in _BYTES]
    sink = pa.BufferOutputStream()
    options: dict[str, Any] = {}
    if "id" in table.schema.names:
        options["bloom_filter_options"] = {"id": {"ndv": ROWS_A_GROUP[kind], "fpp": 0.01}}
    pq.write_table(
        table.replace_schema_metadata({"weir.archive": str(SCHEMA), "weir.kind": kind}),
        sink,
        row_group_size=ROWS_A_GROUP[kind],
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=texts,
        write_statistics=texts,
        write_page_checksum=True,
        **options,
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # no types


def batches(
    storage: Storage, file: DataFile, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows in their order, a few at a time.

    Raises OSError or pa.ArrowException where it can't be read.
    """
    with storage.system.open_input_file(storage.place(file.path)) as source:
        parquet = pq.ParquetFile(source, page_checksum_verification=True)
        wanted = None
        if columns is not None:
            there = set(parquet.schema_arrow.names)
            wanted = [name for name in columns if name in there]
        yield from parquet.iter_batches(_BATCH[file.kind], columns=wanted)
