"""Two files that `weir evaluate --out` wrote of one stream, compared in pairs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from apps.evaluation.comparison import paired
from apps.evaluation.figures import Scores, ranking

__all__ = ["Line", "compared", "read_lines"]


class Line(msgspec.Struct, frozen=True):
    """A judged message, as --out writes it."""

    path: str
    label: str
    logit: float | None
    action: str = ""


class _File(NamedTuple):
    paths: list[str]
    scores: Scores


def compared(first: Path, second: Path) -> dict[str, Any]:
    """Return both files' figures, and how far the first's lie below the second's.

    Raises ValueError, one line, where they aren't of the same stream or lack a class, OSError
    where one can't be read.
    """
    one, other = _read(first), _read(second)
    if one.paths != other.paths:
        raise ValueError(
            f"{first} and {second} aren't of one stream: {_where(one.paths, other.paths)}"
        )
    return {
        "first": {"file": str(first), **ranking(one.scores)},
        "second": {"file": str(second), **ranking(other.scores)},
        "first_less_second": paired(one.scores, other.scores),
    }


def read_lines(file: Path) -> Iterator[Line]:
    """Yield a file's messages; raises ValueError at a line that is none, OSError."""
    decode = msgspec.json.Decoder(Line).decode
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"{file}:{number}: no line of --out ({error})") from None
            if found.label not in {"spam", "ham"}:
                raise ValueError(f"{file}:{number}: label {found.label[:20]!r}: spam or ham wanted")
            yield found


def _read(file: Path) -> _File:
    lines = list(read_lines(file))
    logits = np.array([0.0 if it.logit is None else it.logit for it in lines], np.float64)
    spam = np.array([it.label == "spam" for it in lines], np.bool_)
    return _File([it.path for it in lines], Scores(logits, spam))


def _where(one: list[str], other: list[str]) -> str:
    if len(one) != len(other):
        return f"{len(one):,} and {len(other):,} messages"
    place = next(i for i, (a, b) in enumerate(zip(one, other, strict=True), 1) if a != b)
    return f"line {place:,} names different files"
