"""The index of Message-IDs: what is kept of a message so that an answer to it can be told."""

from typing import Final, cast

from features.envelope import Direction, LogPosition
from streams.stores.protocol import Keeping, Mention

__all__ = ["SECONDS", "read", "written"]

SECONDS: Final = 3 * 86_400
"""How long a message is known by its Message-ID."""


def written(kept: Keeping) -> bytes:
    """Return an entry of the index; the id is last, a publisher may have put anything in it."""
    epoch, partition, offset = kept.position
    return f"{kept.direction}|{epoch}|{partition}|{offset}|{kept.id}".encode()


def read(entry: bytes) -> Mention:
    """Return what an entry says."""
    direction, epoch, partition, offset, name = entry.decode().split("|", 4)
    position = LogPosition(epoch, int(partition), int(offset))
    return Mention(name, position, cast("Direction", direction))
