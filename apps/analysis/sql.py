"""One question in SQL, its answer in batches, and what is wrong with it by line and column."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import duckdb
import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.analysis.sealed import stoppable

__all__ = ["Answer", "SqlError", "ask"]

_BATCH: Final = 1_000  # rows that are held at a time
_ASKED: Final = frozenset({"SELECT", "EXPLAIN"})


class SqlError(ValueError):
    """A question that can't be answered: one line, with line and column where they are known."""


class Answer(NamedTuple):
    """The columns in their order, and the rows as they come, each a tuple of plain values."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


class _Told(msgspec.Struct):
    """What DuckDB says of an error; `position` is in bytes of the question."""

    exception_message: str
    position: str = ""


def ask(connection: duckdb.DuckDBPyConnection, question: str) -> Answer:
    """Ask one question; rows are read while the answer is walked through.

    Raises SqlError, also in the midst of the rows, for what isn't one question, can't be parsed,
    names what isn't there, or takes more memory than there is.
    """
    try:
        question.encode()
        statements = connection.extract_statements(question)
        kinds = [statement.type.name for statement in statements]
        if len(kinds) != 1:
            raise SqlError(f"{len(kinds)} statements given; one question is asked at a time")
        if kinds[0] not in _ASKED:
            raise SqlError(
                f"{kinds[0]} given; the archive is read only: SELECT, WITH, FROM, DESCRIBE, "
                "SUMMARIZE, SHOW or EXPLAIN"
            )
        reader = stoppable(connection, lambda: connection.sql(question).to_arrow_reader(_BATCH))
    except UnicodeEncodeError as error:
        raise SqlError(f"not UTF-8 at character {error.start + 1}") from None
    except duckdb.OutOfMemoryException:
        raise _too_large(connection) from None
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise SqlError(_said(question, _with_place(connection, question, error))) from None
    except duckdb.Error as error:
        raise SqlError(_said(question, str(error))) from None
    return Answer(tuple(reader.schema.names), _rows(connection, question, reader))


def _rows(
    connection: duckdb.DuckDBPyConnection, question: str, reader: pa.RecordBatchReader
) -> Iterator[tuple[Any, ...]]:
    try:
        while (batch := stoppable(connection, lambda: next(reader, None))) is not None:
            # by place: two columns of one name are two
            yield from zip(*[column.to_pylist() for column in batch.columns], strict=True)
    except duckdb.OutOfMemoryException:
        raise _too_large(connection) from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise SqlError(_said(question, str(error))) from None


def _with_place(connection: duckdb.DuckDBPyConnection, question: str, error: duckdb.Error) -> str:
    """Return the error as it comes with a place: a relation wraps the question and loses it."""
    try:
        connection.execute(question)
    except duckdb.Error as placed:
        return str(placed)
    return str(error)


def _too_large(connection: duckdb.DuckDBPyConnection) -> SqlError:
    (most,) = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
    return SqlError(f"the question needs more than the {most} of memory that it may take")


def _said(question: str, error: str) -> str:
    """Make one line of an error: where, and what."""
    kind, brace, rest = error.partition("{")
    try:
        told = msgspec.json.decode(brace + rest, type=_Told)
    except msgspec.DecodeError:
        return " ".join(error.split())
    said = " ".join(told.exception_message.split())
    if not told.position.isdecimal():
        return f"{kind.rstrip(': ')}: {said}"
    before = question.encode()[: int(told.position)].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f"line {line}, column {column}: {said}"
