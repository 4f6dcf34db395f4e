"""An index of labelled mail, as the TREC spam track writes it: a label and a path a line."""

from collections.abc import Iterator
from errno import ENOENT
from pathlib import Path
from typing import NamedTuple

from apps.foreign_files import BYTE_ORDER_MARK

__all__ = ["BadIndexError", "Entry", "is_index", "read_index"]

_LABELS = {"spam": True, "ham": False}
_SHOWN = 60  # characters of a malformed line
_FIRST = 4096  # bytes of the line by which an index is known


class BadIndexError(ValueError):
    """An index can't be used: the message is one line with the file, the line, and what to do."""


class Entry(NamedTuple):
    """One message of an index: its path as written, where it lies, and its label.

    `taught` is False where the label is for scoring only and must not be shown to the filter.
    """

    path: str
    file: Path
    spam: bool
    taught: bool


def read_index(index: Path) -> list[Entry]:
    """Read an index: lines `spam PATH` or `ham PATH`, the path relative to the index's folder.

    A label that is written with a capital (SPAM, Ham) is for scoring only (TREC 2005 spam track
    guidelines). Blank lines are passed over. Raises BadIndexError at the first line that isn't such
    a line, OSError where a file isn't there or the index can't be read.
    """
    entries = list(_entries(index))
    if not entries:
        raise BadIndexError(
            f"{index}: no message named; wanted are lines `spam PATH` or `ham PATH`"
        )
    return entries


def is_index(file: Path) -> bool:
    """Tell whether a file begins as an index does, and not as mail; raises OSError."""
    if not file.is_file():
        return False
    with file.open("rb") as lines:
        words = lines.readline(_FIRST).removeprefix(BYTE_ORDER_MARK).split(maxsplit=1)
    return len(words) > 1 and words[0].lower() in {label.encode() for label in _LABELS}


def _entries(index: Path) -> Iterator[Entry]:
    folder = index.parent
    with index.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split(maxsplit=1)
            if not words:
                continue
            label = words[0].lower()
            if label not in _LABELS or len(words) == 1:
                raise BadIndexError(
                    f"{index}:{number}: {_quoted(line)} isn't `spam PATH` or `ham PATH`"
                )
            path = words[1].rstrip()
            file = folder / path
            if not file.is_file():
                said = "is no file" if file.exists() else "no such file"
                raise FileNotFoundError(ENOENT, f"{said}; {index}:{number} names it", str(file))
            yield Entry(path, file, _LABELS[label], words[0] == label)


def _quoted(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
