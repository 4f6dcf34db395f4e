"""Body hashes of signatures (RFC 6376, 3.7): once for each canonical form, piece by piece.

dkimpy has one expression go over the whole body for each signature, in time that grows with the
square of a run of blanks, while the interpreter waits. Here a signature costs a comparison.
"""

import base64
import binascii
import hashlib
import logging
import re
from collections.abc import Iterator
from typing import Any

import dkim  # type: ignore[import-untyped]  # no types

__all__ = ["BodyHashes", "ChainChecker", "SignatureChecker"]

_PIECE = 65_536  # octets; between two pieces other threads have their turn
_BLANKS = re.compile(rb"[ \t]+")
_EMPTY_LINES = b"\r\n" * 4_096
# dkimpy logs each bad signature as an error; here they are what is looked for.
_SILENT = logging.getLogger("weir.dkimpy")
_SILENT.setLevel(logging.CRITICAL + 1)


class BodyHashes:
    """SHA-256 of a body whose line ends are CRLF, in both canonical forms (3.4.3, 3.4.4)."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._hashes: dict[bool, bytes] = {}

    def matches(self, tags: dict[bytes, bytes]) -> bool:
        """Tell whether a signature's bh= is the hash of the body in the form that c= names."""
        form = tags.get(b"c", b"simple/simple").partition(b"/")[2] or b"simple"
        if form not in {b"relaxed", b"simple"} or b"l" in tags:
            return False
        try:
            said = base64.b64decode(b"".join(tags[b"bh"].split()))
        except binascii.Error:
            return False
        return said == self._hash(relaxed=form == b"relaxed")

    def _hash(self, *, relaxed: bool) -> bytes:
        if relaxed not in self._hashes:
            hasher = hashlib.sha256()
            for piece in _relaxed(self._body) if relaxed else _simple(self._body):
                hasher.update(piece)
            self._hashes[relaxed] = hasher.digest()
        return self._hashes[relaxed]


def _simple(body: bytes) -> Iterator[bytes]:
    end = len(body)
    for step in (len(_EMPTY_LINES), 2):
        while body.endswith(_EMPTY_LINES[:step], 0, end):
            end -= step
    yield body[:end]
    yield b"\r\n"


def _relaxed(body: bytes) -> Iterator[bytes]:
    end = _end_of_text(body)
    held = b""
    for start in range(0, end, _PIECE):
        piece = held + body[start : min(start + _PIECE, end)]
        # What the next piece may go on with: a run of blanks, half a line end.
        line = piece.removesuffix(b"\r")
        text = line.rstrip(b" \t")
        held = b" " * (len(text) < len(line)) + piece[len(line) :]
        yield _BLANKS.sub(b" ", text).replace(b" \r\n", b"\r\n")
    yield held
    yield b"\r\n" if end else b""


def _end_of_text(body: bytes) -> int:
    """Return where the empty lines at the end begin: those of blanks only are empty too."""
    text = len(body.rstrip(b" \t\r\n"))
    # A carriage return by itself ends no line, so that it is text.
    alone = body[text:].replace(b"\r\n", b"\n\n").rfind(b"\r")
    return text + alone + 1


class _OwnBodyHash:
    """What dkimpy's DKIM and ARC have in common, but for the body, which `hashes` knows."""

    hashes: BodyHashes

    def verify_sig(
        self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: Any, dnsfunc: Any
    ) -> bool:
        if b"bh" in sig and not self.hashes.matches(sig):
            raise dkim.ValidationError("body hash mismatch")
        rest = {name: value for name, value in sig.items() if name != b"bh"}
        parent: Any = super()
        return bool(parent.verify_sig(rest, include_headers, sig_header, dnsfunc))


class SignatureChecker(_OwnBodyHash, dkim.DKIM):  # type: ignore[misc]  # no types
    """dkimpy's check of a DKIM signature, on fields that were split before."""

    def __init__(self, fields: list[tuple[bytes, bytes]], hashes: BodyHashes) -> None:
        super().__init__(None, logger=_SILENT, minkey=1_024)
        self.headers = [list(field) for field in fields]
        self.hashes = hashes


class ChainChecker(_OwnBodyHash, dkim.ARC):  # type: ignore[misc]  # no types
    """dkimpy's check of an ARC chain, on fields that were split before."""

    def __init__(self, fields: list[tuple[bytes, bytes]], hashes: BodyHashes) -> None:
        super().__init__(None, logger=_SILENT, minkey=1_024)
        self.headers = [list(field) for field in fields]
        self.hashes = hashes
