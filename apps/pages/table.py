"""Tables of a page: with heads that a screen reader finds, scrolling where a screen is narrow."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Cell", "Column", "table"]


class Column(NamedTuple):
    """A column by its head (text, escaped here); numbers stand to the right."""

    head: str
    numeric: bool = False


class Cell(NamedTuple):
    """What stands in a cell, as HTML, and the style's word for what it means."""

    html: str
    kind: str = ""


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Cell]],
    *,
    caption: str = "",
    kind: str = "",
) -> Iterator[str]:
    """Yield a table. Cells are HTML, escaped by whoever made them.

    Args:
        columns: the first one holds the rows' heads.
        rows: as many cells each as there are columns.
        caption: what the table is of; escaped here.
        kind: the style's words for it: `cards` for rows that a narrow screen shows as cards
            instead of scrolling sideways, `full` for as wide as the page.
    """
    cards = "cards" in kind.split()
    name = escape(caption or columns[0].head)
    # What scrolls must be reachable by keyboard, and have a name then (WCAG 2.1.1, 4.1.2).
    around = f' class="wide" tabindex="0" role="region" aria-label="{name}"'
    yield f"<div{around}><table" + (f' class="{kind}">' if kind else ">")
    if caption:
        yield f"<caption>{name}</caption>"
    heads = "".join(_cell("th", ' scope="col"', column, escape(column.head)) for column in columns)
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for first, *others in rows:
        cells = [_cell("th", ' scope="row"', columns[0], first)]
        for column, cell in zip(columns[1:], others, strict=True):
            said = f' data-head="{escape(column.head)}"' if cards else ""
            cells.append(_cell("td", said, column, cell))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _cell(tag: str, attributes: str, column: Column, cell: str | Cell) -> str:
    html, kind = cell if isinstance(cell, Cell) else (cell, "")
    kinds = " ".join(word for word in ("n" if column.numeric else "", kind) if word)
    dress = f' class="{kinds}"' if kinds else ""
    return f"<{tag}{attributes}{dress}>{html}</{tag}>"
