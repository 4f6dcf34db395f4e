"""What came already: of events with the same identity the first one wins."""

from hashlib import blake2b
from typing import Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

__all__ = ["Once"]

_BYTES: Final = 16  # of an identity's digest: a clash among thousands doesn't happen


class Once:
    """The latest `window` identities of each partition; a repetition lies in the same one."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._seen: dict[TopicPartition, dict[bytes, None]] = {}

    def first(self, place: TopicPartition, identity: bytes) -> bool:
        """Tell whether it is the first with this identity, and remember it."""
        digest = blake2b(identity, digest_size=_BYTES).digest()
        seen = self._seen.setdefault(place, {})
        if digest in seen:
            return False
        seen[digest] = None
        if len(seen) > self._window:
            del seen[next(iter(seen))]
        return True
