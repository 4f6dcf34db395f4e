"""Split an mbox (RFC 4155) into raw messages while it is read, from a file or from a pipe."""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

__all__ = ["BoundedMessage", "looks_like_mbox", "split_mbox"]

_PIECE = 65_536
# asctime's year ends the separator, a zone name or offset may stand before or after it
_SEPARATOR = re.compile(rb"From \S{1,998} +[A-Z][a-z]{2} .{0,60}\b(?:19|20)\d\d\b.{0,20}\r?\n?")
_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")


class BoundedMessage:
    """A message that is collected up to `limit` bytes, counted and digested beyond them."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._kept = bytearray()
        self._digest = sha256()

    def add(self, piece: bytes) -> None:
        """Append bytes: kept while there is room, digested in any case."""
        self.size += len(piece)
        self._digest.update(piece)
        if len(self._kept) < self._limit:
            self._kept += piece[: self._limit - len(self._kept)]

    @property
    def raw(self) -> bytes:
        """The first `limit` bytes."""
        return bytes(self._kept)

    @property
    def digest(self) -> str:
        """SHA-256 of all bytes, in hex."""
        return self._digest.hexdigest()


def looks_like_mbox(first: bytes) -> bool:
    """Tell whether a file's first line is an mbox separator, not a header field."""
    return _SEPARATOR.fullmatch(first) is not None


def split_mbox(file: BinaryIO, limit: int) -> Iterator[BoundedMessage]:
    """Yield the messages of an mbox whose first separator has been read.

    A separator is a `From ` line with a date that follows a blank line and precedes a header
    field, so that a body's own "From " doesn't split its message. Lines are read in bounded
    pieces and nothing but the current message is held.
    """
    message: BoundedMessage | None = None
    blank = b""  # the blank line before a separator belongs to the mbox, not to the message
    at_line_start = True
    after_blank = True
    pending = b""
    while True:
        line = pending or file.readline(_PIECE)
        pending = b""
        if not line:
            break
        if at_line_start and after_blank and looks_like_mbox(line):
            pending = file.readline(_PIECE)
            if not pending or _FIELD.match(pending):
                if message is not None:
                    yield message
                message, blank = BoundedMessage(limit), b""
                after_blank = False
                continue
        if message is None:
            message = BoundedMessage(limit)
        after_blank = at_line_start and line in {b"\n", b"\r\n"}
        if blank:
            message.add(blank)
            blank = b""
        if after_blank:
            blank = line
        else:
            message.add(line)
        at_line_start = line.endswith(b"\n")
    if message is not None:
        yield message
