"""A benchmark's object as lines for a person: nested keys indented, lists of objects as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["lines"]


def lines(result: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """Yield the object's lines; mappings of mappings become tables, a row for each key."""
    pad = "  " * indent
    for key, value in result.items():
        if isinstance(value, Mapping) and _is_table(value):
            yield f"{pad}{key}"
            yield from (f"{pad}  {line}" for line in _table(value))
        elif isinstance(value, Mapping):
            yield f"{pad}{key}"
            yield from lines(value, indent + 1)
        else:
            yield f"{pad}{key:22} {_text(value)}"


def _is_table(value: Mapping[str, Any]) -> bool:
    rows = list(value.values())
    return bool(rows) and all(
        isinstance(row, Mapping) and not any(isinstance(x, Mapping) for x in row.values())
        for row in rows
    )


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = [["", *columns]] + [
        [name, *(_text(row.get(column, "")) for column in columns)] for name, row in rows.items()
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns) + 1)]
    for row in cells:
        first = f"{row[0]:{widths[0]}}"
        rest = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join((first, *rest)).rstrip()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return " ".join(_text(item) for item in value)
    return str(value)
