"""A message as it arrives in a request: what is judged of it is kept, the rest is only hashed."""

import hashlib

from features.envelope import Truncated

__all__ = ["Body"]


class Body:
    """Takes a message in chunks; holds `keep` bytes of it, whatever its size."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._kept = bytearray()
        self._hash: hashlib._Hash | None = None
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        room = self._keep - len(self._kept)
        if self._hash is None and len(chunk) > room:
            self._hash = hashlib.sha256(self._kept)
        if self._hash is not None:
            self._hash.update(chunk)
        if room > 0:
            self._kept += chunk[:room]

    @property
    def raw(self) -> bytes:
        """What was kept."""
        return bytes(self._kept)

    @property
    def truncated(self) -> Truncated | None:
        """What the message was in whole; None where all of it was kept."""
        return None if self._hash is None else Truncated(self.size, self._hash.hexdigest())
