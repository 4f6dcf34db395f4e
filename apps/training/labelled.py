"""Mail that its owner has sorted: a Maildir or a folder of folders, read by its folders' names."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

__all__ = ["Folder", "Meaning", "sorted_mail"]

Meaning = Literal["ham", "spam", "passed over"]

_SPAM: Final = frozenset((
    "junk", "junk mail", "junk e-mail", "junk email", "spam", "bulk mail", "phish", "phishing",
    "malware", "spamverdacht", "spazzatura", "pourriel",
))  # fmt: skip
_PASSED_OVER: Final = frozenset((
    "trash", "deleted", "deleted items", "deleted messages", "bin", "drafts", "draft", "sent",
    "sent items", "sent messages", "sent mail", "outbox", "templates", "tmp", "papierkorb",
    "gesendet", "gesendete objekte", "corbeille", "brouillons", "papelera", "borradores",
    "enviados", "cestino", "bozze", "inviata",
))  # fmt: skip
_FLAGS: Final = re.compile(r"[:;!]2,([A-Za-z]*)$")  # Maildir's; ';' and '!' where ':' can't be


class Folder(NamedTuple):
    """A folder of sorted mail: its name below what was given, what it means, its files."""

    name: str
    meaning: Meaning
    files: tuple[str, ...]


def sorted_mail(root: str) -> Iterator[Folder]:
    """Yield each folder that holds files below `root`, by name, with what its name says of them.

    Junk, Spam and the like, at any depth, hold abuse; what was sent, drafted or thrown away is
    passed over; all else is legitimate. It may be a Maildir with its subfolders (`.Junk`,
    `.Archive.2024`, or `Junk/`), or folders of messages and mbox files: an mbox means what it is
    called. Of a Maildir's legitimate folders only what lies in `cur` counts, as nobody has looked
    at `new` yet, and nowhere what is flagged as trashed. Raises OSError where `root` can't be read.
    """
    os.scandir(root).close()  # os.walk passes over what it can't read
    top = Path(root)
    for folder, subfolders, files in os.walk(root):
        path = Path(folder)
        maildir = {"cur", "new"} <= set(subfolders)
        if maildir:
            meaning = _meaning(path.relative_to(top))
            parts = ("cur",) if meaning == "ham" else ("cur", "new")
            found = tuple(file for part in parts for file in _messages(path / part))
            yield Folder(_named(path.relative_to(top)), meaning, found)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not (maildir and name in {"cur", "new", "tmp"})
            and not (name.startswith(".") and not _is_maildir(path / name))
        )
        if not maildir:
            yield from _plain(path, top, files)


def _plain(path: Path, top: Path, files: list[str]) -> Iterator[Folder]:
    by_meaning: dict[Meaning, list[str]] = {}
    for name in sorted(files):
        if not name.startswith(".") and (path / name).is_file():
            meaning = _meaning((path / name).relative_to(top).with_suffix(""))
            by_meaning.setdefault(meaning, []).append(str(path / name))
    for meaning, found in by_meaning.items():
        yield Folder(_named(path.relative_to(top)), meaning, tuple(found))


def _messages(folder: Path) -> list[str]:
    return [
        str(folder / name)
        for name in sorted(os.listdir(folder))  # noqa: PTH208 - a Path object per file
        if not name.startswith(".") and not ((flags := _FLAGS.search(name)) and "T" in flags[1])
    ]


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _meaning(path: Path) -> Meaning:
    names = [name.lower() for part in path.parts for name in _names(part)]
    if any(name in _PASSED_OVER for name in names):
        return "passed over"
    return "spam" if any(name in _SPAM for name in names) else "ham"


def _names(part: str) -> list[str]:
    """Return the folders that a directory's name stands for: a Maildir++ one is dotted."""
    return [part, *part.split(".")] if "." in part else [part]


def _named(path: Path) -> str:
    return str(path) if path.parts else "(top)"
