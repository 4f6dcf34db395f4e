"""Raw mail from files, standard input, mbox, Maildir and folders: lazily, each with a name."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from apps.foreign_files import BYTE_ORDER_MARK, foreign
from apps.mbox import BoundedMessage, looks_like_mbox, split_mbox

__all__ = ["STDIN", "Mail", "Unreadable", "read_mail", "total_bytes"]

STDIN = "-"
_PIECE = 1 << 20
_MAILDIR_PARTS = ("cur", "new")


class Mail(NamedTuple):
    """One raw message. `name` says where it lies: a path, and `#n` for the n-th of an mbox.

    `raw` is at most the reader's limit; `size` is the whole message's in bytes, and `sha256`
    the whole message's digest where it was cut, else empty.
    """

    name: str
    raw: bytes
    size: int
    sha256: str


class Unreadable(NamedTuple):
    """A path that could not be read as mail, and the reason."""

    name: str
    reason: str


def read_mail(paths: Iterable[str], limit: int) -> Iterator[Mail | Unreadable]:
    """Read every message below the paths, in a stable order, one in memory at a time.

    A path is a file with one message or an mbox, `-` for standard input (either of them), a
    Maildir with its subfolders, or a folder whose files are read recursively. Hidden files and
    what isn't a regular file are passed over inside folders.

    Args:
        paths: what to read.
        limit: bytes a message; what exceeds them is cut and digested.
    """
    for path in paths:
        if path == STDIN:
            yield from _read_stream(sys.stdin.buffer, "stdin", limit)
        else:
            for found in _walk(path):
                yield from _read_path(found, limit)


def total_bytes(paths: Iterable[str]) -> int | None:
    """Add up the sizes of all files below the paths, or None where standard input is among them."""
    total = 0
    for path in paths:
        if path == STDIN:
            return None
        for found in _walk(path):
            try:
                status = os.stat(found)  # noqa: PTH116 - a Path object per file of a large folder
            except OSError:
                continue
            total += status.st_size
    return total


def _walk(path: str) -> Iterator[str]:
    if not os.path.isdir(path):  # noqa: PTH112 - the same
        yield path
        return
    for folder, subfolders, files in os.walk(path, onerror=None):
        if all(part in subfolders for part in _MAILDIR_PARTS):
            # a Maildir++ folder is a hidden directory; tmp holds what isn't delivered yet
            subfolders[:] = sorted(name for name in subfolders if name != "tmp")
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            found = os.path.join(folder, name)  # noqa: PTH118 - the same
            if not name.startswith(".") and _is_regular(found):
                yield found


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - the same
    except OSError:
        return True  # _read_path reports it


def _read_path(path: str, limit: int) -> Iterator[Mail | Unreadable]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the same
            yield from _read_stream(file, path, limit)
    except OSError as error:
        yield Unreadable(path, error.strerror or str(error))


def _read_stream(file: BinaryIO, name: str, limit: int) -> Iterator[Mail | Unreadable]:
    first = file.readline(_PIECE).removeprefix(BYTE_ORDER_MARK)
    if reason := foreign(first):
        yield Unreadable(name, reason)
        return
    if not looks_like_mbox(first):
        message = BoundedMessage(limit)
        while first:
            message.add(first)
            first = file.read(_PIECE)
        yield _mail(name, message, limit)
        return
    earlier: BoundedMessage | None = None
    count = 0
    for message in split_mbox(file, limit):
        if earlier is not None:
            count += 1
            yield _mail(f"{name}#{count}", earlier, limit)
        earlier = message
    if earlier is not None:
        yield _mail(f"{name}#{count + 1}" if count else name, earlier, limit)


def _mail(name: str, message: BoundedMessage, limit: int) -> Mail:
    cut = message.size > limit
    return Mail(name, message.raw, message.size, message.digest if cut else "")
