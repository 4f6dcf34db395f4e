"""A DuckDB that can reach nothing but the tables it is given.

Its own readers of files are shut off, and so are its writers: DuckDB 2 runs `COPY ... TO` in the
head of a `WITH` too, so whoever may read a file by DuckDB could overwrite it by a question. Tables
come to it through Arrow instead (docs/decisions/0026): filters and columns are pushed down to
Parquet, from a folder and from object storage alike.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

import duckdb
from pyarrow.dataset import Dataset  # type: ignore[import-untyped]  # no types

__all__ = ["seal", "stoppable"]

_T = TypeVar("_T")

_AGAIN: Final = 0.05  # seconds between two interruptions
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


def stoppable(connection: duckdb.DuckDBPyConnection, work: Callable[[], _T]) -> _T:
    """Return what DuckDB's work on a connection gives; Ctrl-C stops it and is raised.

    The work has a thread of its own, for whoever waits within DuckDB may miss the signal, and then
    waits for ever. An interruption that comes before the work begins is lost on it: it is repeated.
    """
    with ThreadPoolExecutor(1, "weir-question") as thread:
        done = thread.submit(work)
        try:
            return done.result()
        except KeyboardInterrupt:
            while not done.done():
                connection.interrupt()
                wait([done], _AGAIN)
            raise
