"""A DuckDB that can reach nothing but the tables it is given.

Its own readers of files are shut off, and so are its writers: DuckDB 2 runs `COPY ... TO` in the
head of a `WITH` too, so whoever may read a file by DuckDB could overwrite it by a question. Tables
come to it through Arrow instead (docs/decisions/0026): filters and columns are pushed down to
Parquet, from a folder and from object storage alike.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import duckdb
from pyarrow.dataset import Dataset  # type: ignore[import-untyped]  # no types

__all__ = ["interruptible", "seal"]

_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,  # else a name that isn't a table reads our own variables
    "temp_directory": "",  # what doesn't fit into memory fails, and lands on no disk
    "errors_as_json": True,
}


def seal(
    tables: Mapping[str, Dataset], views: Mapping[str, str], *, memory: str
) -> duckdb.DuckDBPyConnection:
    """Return a connection that knows these tables, and views by name and SQL, and nothing else.

    Views may name those before them. Times are shown in UTC. `memory` is the most it may take, as
    DuckDB writes it ("2GB"). Raises duckdb.Error where that isn't a size.
    """
    connection = duckdb.connect(":memory:", config={**_CONFIG, "memory_limit": memory})
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute("SET TimeZone = 'UTC'")
    for name, sql in views.items():
        connection.execute(f'CREATE VIEW "{name}" AS {sql}')
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C while DuckDB is at work come out as what it is: it makes a RuntimeError of it."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from None
        raise
