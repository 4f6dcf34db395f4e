"""Rows as a grid on a terminal, or as JSON lines; what comes from mail is escaped."""

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any, Final

from apps.cli.rendering import clean, column, terminal_width

__all__ = ["grid", "json_lines"]

_MEASURED: Final = 200  # rows by which the columns' widths are set: all of them may be many
_WIDEST: Final = 60  # columns of a terminal that a cell may take
_NARROWEST: Final = 8


def grid(columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the lines of a grid: names, a rule, the rows; numbers are set to the right.

    On a terminal cells are cut to its width, elsewhere at no more than a few lines' length.
    """
    measured = list(islice(rows, _MEASURED))
    first = [tuple(map(_text, row)) for row in measured]
    widths = _widths([tuple(clean(name) for name in columns), *first])
    right = [
        bool(first) and all(_is_number(row[place]) for row in measured)
        for place in range(len(columns))
    ]
    yield _line([clean(name) for name in columns], widths, right)
    yield "  ".join("-" * width for width in widths)
    for row in chain(first, (tuple(map(_text, row)) for row in rows)):
        yield _line(row, widths, right)


def json_lines(columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield each row as a JSON object; a name that stood before gets a number behind it."""
    import orjson

    names = _distinct(columns)
    for row in rows:
        yield orjson.dumps(dict(zip(names, map(_plain, row), strict=True)), default=str)


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in columns:
        number, told = 1, name
        while told in names:
            number += 1
            told = f"{name}_{number}"
        names.append(told)
    return names


def _plain(value: Any) -> Any:
    """Return a value that JSON has; a number that it hasn't is null."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool | bytes | list | tuple | dict):
        import orjson

        return clean(orjson.dumps(_plain(value), default=str).decode())
    return clean(str(value))


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and value is not True)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return each column's width: what it needs, less where a terminal is too narrow for all."""
    most = terminal_width()
    needed = [max(map(len, cells)) or 1 for cells in zip(*rows, strict=True)]
    widths = [min(width, _WIDEST) for width in needed] if most else needed
    while most and sum(widths) + 2 * (len(widths) - 1) > most and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = [
        clean(cell, width).rjust(width) if number else column(cell, width)
        for cell, width, number in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(parts).rstrip()
