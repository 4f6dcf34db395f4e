"""Legitimate mail by source, as `weir weigh` is given it: folders, or the public corpora."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from apps.received import content_id
from apps.sources import Mail, Unreadable, read_mail
from apps.training.corpora import read_corpora

__all__ = ["ABUSE", "Piece", "distinct", "of_corpora", "of_folders", "source_names"]

ABUSE = ""
"""The unit of what isn't legitimate: no weights are made without it, as none are made of it."""

# A folder of a mailbox that holds what its owner doesn't want.
_UNWANTED = re.compile(r"\.?(?:inbox\.)?(?:junk|spam|trash|bulk|deleted.{0,20})", re.IGNORECASE)
_ARRIVAL = frozenset({"cur", "new"})


class Piece(NamedTuple):
    """A message of a source. `pool` names the mail its rate is counted in, '' where its size says.

    `unit` is left out of the weights that the message is judged by; messages cut from one template
    share it across sources.
    """

    source: str
    unit: str
    pool: str
    raw: bytes
    name: str
    size: int = 0

    @property
    def legitimate(self) -> bool:
        """Whether it counts for the weights."""
        return self.unit != ABUSE


def source_names(folders: Iterable[str], named: Mapping[str, str]) -> dict[str, str]:
    """Return paths by the source's name: a folder's own, with its parents' where two are alike.

    Raises ValueError, one line, where a name is given twice.
    """
    paths = [Path(folder).resolve() for folder in dict.fromkeys(folders)]
    found = dict(named)
    for path in paths:
        parts = [part for part in path.parts[1:] if part not in _ARRIVAL] or [str(path)]
        name = next(
            (n for n in _ever_longer(parts) if sum(_ends(p, n) for p in paths) == 1), str(path)
        )
        name = name.encode("utf-8", "replace").decode()  # it is to stand in a file
        if name in found:
            raise ValueError(f"two sources are called {name!r}; name them with --source NAME=PATH")
        found[name] = str(path)
    return found


def _ever_longer(parts: list[str]) -> Iterator[str]:
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[-count:])


def _ends(path: Path, name: str) -> bool:
    parts = [part for part in path.parts if part not in _ARRIVAL]
    wanted = name.split("/")
    return parts[-len(wanted) :] == wanted


def of_folders(sources: Mapping[str, str], limit: int) -> Iterator[Piece | Unreadable]:
    """Yield the mail of each source; folders of junk and trash in a mailbox are passed over."""
    for source, path in sources.items():
        for item in read_mail([path], limit):
            if isinstance(item, Unreadable):
                yield item
            elif not _is_unwanted(item, path):
                yield Piece(source, source, "", item.raw, item.name, item.size)


def _is_unwanted(item: Mail, path: str) -> bool:
    inside = item.name.removeprefix(path).split("/")[:-1]
    return any(_UNWANTED.fullmatch(part) for part in inside)


def of_corpora(folder: Path) -> Iterator[Piece]:
    """Yield the public corpora's mail; the modern sources are too small to stand alone.

    Raises FileNotFoundError where the folder holds none of them.
    """
    for sample in read_corpora(folder):
        unit = _unit(sample.source) if sample.label == "ham" else ABUSE
        name = f"{sample.source}/{content_id(sample.raw)}"
        pool = _pool(sample.source)
        yield Piece(sample.source, unit, pool, sample.raw, name, len(sample.raw))


def _unit(source: str) -> str:
    return "templates" if source.startswith("templates-") else source


def _pool(source: str) -> str:
    if source.startswith("modern-"):
        return "modern"
    return {"sa-easy-ham": "easy", "sa-hard-ham": "hard"}.get(source, source)


def distinct(pieces: Iterable[Piece | Unreadable], copies: Counter[str]) -> Iterator[Piece]:
    """Yield what could be read, each message once a source; count the copies by source.

    Raises OSError for what couldn't be read.
    """
    seen: set[tuple[str, bytes]] = set()
    for piece in pieces:
        if isinstance(piece, Unreadable):
            raise OSError(0, piece.reason, piece.name)
        key = (piece.source, hashlib.sha256(piece.raw).digest())
        if key in seen:
            copies[piece.source] += 1
            continue
        seen.add(key)
        yield piece
