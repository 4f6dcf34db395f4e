"""Which messages a classifier was trained on, as a list of short digests beside its manifest.

A classifier that has seen the mail it is evaluated on makes the figures worthless; the list is
what lets `weir evaluate` say so. Eight bytes of a digest tell nothing of a message, and two of a
million messages share them once in forty million lists.
"""

import hashlib
from collections.abc import Iterable

from apps.training.corpora import strip_artefacts

__all__ = ["FILE", "mark_of", "pack", "unpack"]

FILE = "trained_on.bin"
_BYTES = 8


def mark_of(raw: bytes) -> bytes:
    """Return the mark of a message as it comes in a file, 8 bytes of SHA-256.

    It is of the message without its corpus's artefacts: that is how training reads it.
    """
    return hashlib.sha256(strip_artefacts(raw)).digest()[:_BYTES]


def pack(digests: Iterable[str]) -> bytes:
    """Return the list of messages whose SHA-256 in hex are given: marks, sorted, each once."""
    return b"".join(sorted({bytes.fromhex(digest)[:_BYTES] for digest in digests}))


def unpack(content: bytes) -> frozenset[bytes]:
    """Return the marks of a list."""
    return frozenset(content[at : at + _BYTES] for at in range(0, len(content), _BYTES))
