"""Where in a TOML text each key and value stands, which tomllib doesn't say."""

import re
from typing import NamedTuple

__all__ = ["Path", "Place", "Places", "dotted", "locate", "syntax_place"]

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Places(NamedTuple):
    """Places of keys and of values by path; list items have their index in the path.

    What stands inside an inline table or array is found at the key it belongs to.
    """

    keys: dict[Path, Place]
    values: dict[Path, Place]

    def key(self, path: Path) -> Place:
        """Return the place of a key, else of the nearest table around it, else the beginning."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
        return Place(1, 1)

    def value(self, path: Path) -> Place:
        """Return the place of a value, else of its key or the nearest table around it."""
        return self.values.get(path) or self.key(path)


def locate(text: str) -> Places:
    """Find the keys of a valid TOML text; one pass, linear in its length."""
    places = Places({}, {})
    table: Path = ()
    counts: dict[Path, int] = {}
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        start = len(line) - len(line.lstrip())
        if line.startswith("[", start):
            table = _table(line, start, at, places, counts)
            at += 1
        elif start == len(line.rstrip()) or line.startswith("#", start):
            at += 1
        else:
            names, after = _names(line, start)
            path = (*table, *names)
            after = line.find("=", after)
            for length in range(len(table) + 1, len(path) + 1):
                places.keys.setdefault(path[:length], Place(at + 1, start + 1))
            column = after + 1 + len(line[after + 1 :]) - len(line[after + 1 :].lstrip())
            places.values[path] = Place(at + 1, column + 1)
            at = _value_end(lines, at, column) + 1
    return places


def dotted(path: Path) -> str:
    """Return a path as people write it: `rules[0].when`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def syntax_place(error: str, text: str) -> Place:
    """Return the place in tomllib's message; the end of the text where it names none."""
    found = _AT.search(error)
    if found:
        return Place(int(found[1]), int(found[2]))
    lines = text.split("\n")
    return Place(len(lines), len(lines[-1]) + 1)


def _table(line: str, start: int, at: int, places: Places, counts: dict[Path, int]) -> Path:
    many = line.startswith("[[", start)
    names, _ = _names(line, start + (2 if many else 1))
    path: Path = ()
    for index, name in enumerate(names):
        path = (*path, name)
        last = index == len(names) - 1
        if last and many:
            counts[path] = counts.get(path, -1) + 1
            places.keys.setdefault(path, Place(at + 1, start + 1))
        if path in counts:
            path = (*path, counts[path])
        places.keys.setdefault(path, Place(at + 1, start + 1))
    return path


def _names(line: str, at: int) -> tuple[list[str], int]:
    """Read a dotted key from a column on; return its parts and the column after it."""
    names: list[str] = []
    while True:
        at += len(line[at:]) - len(line[at:].lstrip())
        quoted = _QUOTED.match(line, at)
        found = quoted or _BARE.match(line, at)
        if found is None:
            return names, at
        names.append(found[0][1:-1] if quoted else found[0])
        at = found.end()
        at += len(line[at:]) - len(line[at:].lstrip())
        if not line.startswith(".", at):
            return names, at
        at += 1


def _value_end(lines: list[str], at: int, column: int) -> int:
    """Return the index of the line on which the value ends that begins at a column."""
    depth = 0
    while at < len(lines):
        line = lines[at]
        while column < len(line):
            triple = line[column : column + 3]
            if triple in ('"""', "'''"):
                at, column = _string_end(lines, at, column + 3, triple)
                line = lines[at] if at < len(lines) else ""
                continue
            quoted = _QUOTED.match(line, column)
            if quoted:
                column = quoted.end()
                continue
            if line[column] == "#":
                break
            depth += (line[column] in "[{") - (line[column] in "]}")
            column += 1
        if depth <= 0:
            return at
        at, column = at + 1, 0
    return at


def _string_end(lines: list[str], at: int, column: int, quotes: str) -> tuple[int, int]:
    """Return line index and column after a multi-line string whose opening ended at a column."""
    while at < len(lines):
        line = lines[at]
        while column < len(line):
            if quotes == '"""' and line[column] == "\\":
                column += 2
            elif line.startswith(quotes, column):
                end = column + 3
                # Up to two more quotes belong to the string itself (TOML 1.0).
                while end < len(line) and line[end] == quotes[0] and end < column + 5:
                    end += 1
                return at, end
            else:
                column += 1
        at, column = at + 1, 0
    return at, 0
