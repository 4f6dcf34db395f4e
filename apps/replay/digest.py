"""One number for all verdicts of a run: whatever their order, and however the work was divided.

AdHash of Bellare and Micciancio ("A New Paradigm for Collision-free Hashing: Incrementality at
Reduced Cost", 1997): the sum of the verdicts' hashes modulo 2^256.
"""

import hashlib
from typing import Final

__all__ = ["RunDigest"]

_MODULUS: Final = 1 << 256


class RunDigest:
    """The sum of SHA-256(ce_id NUL value) over verdicts; each counts as often as it is added."""

    def __init__(self, hexadecimal: str = "0") -> None:
        """Begin with nothing, or go on from another's `hex`; ValueError for what is none."""
        self._sum = int(hexadecimal, 16) % _MODULUS

    def add(self, event: str, value: bytes) -> None:
        """Add a verdict: its ce_id and its bytes."""
        digest = hashlib.sha256(event.encode() + b"\0" + value).digest()
        self._sum = (self._sum + int.from_bytes(digest)) % _MODULUS

    def merge(self, other: "RunDigest") -> None:
        """Add all that another run, or another part of this one, has added."""
        self._sum = (self._sum + int(other.hex, 16)) % _MODULUS

    @property
    def hex(self) -> str:
        """The sum in 64 hexadecimal digits."""
        return f"{self._sum:064x}"
