"""An archive with damaged files: they are found and named, and the rest is asked."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.analysis.sql import SqlError
from apps.analysis.tables import MEMORY, Tables, open_tables
from apps.subscriber.archive.parquet import batches
from apps.subscriber.archive.reading import Archive
from apps.subscriber.recorded import Unread

__all__ = ["damaged", "over"]

_T = TypeVar("_T")
_IN_READING: Final = "reading the stream"  # so DuckDB says that Arrow raised


def over(
    archive: Archive,
    work: Callable[[Tables], _T],
    told: Callable[[Unread], None],
    *,
    memory: str = MEMORY,
) -> _T:
    """Return what `work` makes of an archive's tables, as `open_tables` gives them.

    Where it fails on a file the archive is looked at again, for files are merged meanwhile; what is
    damaged is told, and `work` is done once more over the rest. Raises what `work` raises.
    """
    try:
        return work(open_tables(archive, memory=memory))
    except (duckdb.Error, SqlError) as error:
        if _IN_READING not in str(error):
            raise
    except (pa.ArrowException, OSError):
        pass
    archive.refresh()
    found = list(damaged(archive))
    for unread in found:
        told(unread)
    return work(open_tables(archive, memory=memory, without=[unread.place for unread in found]))


def damaged(archive: Archive) -> Iterator[Unread]:
    """Read every file that tables are made of, and yield those that can't be read."""
    for kind in ("verdicts", "labels"):
        for file in archive.files(kind):
            try:
                for _ in batches(archive.storage, file):
                    pass
            except (OSError, pa.ArrowException) as error:
                yield Unread(file.path, " ".join(str(error).split())[:200])
