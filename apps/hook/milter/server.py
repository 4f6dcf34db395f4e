"""A milter's listening side: sessions of MTAs on one address, each its own, and their end."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from apps.hook.addresses import Address
from apps.hook.milter.answer import Answer
from apps.hook.milter.transaction import Transaction

__all__ = ["Handle", "Limits", "Server"]

# Runs once a message. It isn't cancelled when the MTA goes away: its answer is dropped.
Handle = Callable[[Transaction], Awaitable[Answer]]


class Limits(NamedTuple):
    """Bounds on what one MTA may send; bytes and seconds."""

    frame_bytes: int = 1_048_576
    header_bytes: int = 1_048_576
    body_bytes: int = 4_000_000
    connections: int = 1_000
    idle_seconds: float = 7_200.0
    progress_seconds: float = 5.0


class Server:
    """Answers the MTAs that connect to one address by one `handle`."""

    def __init__(self, handle: Handle, limits: Limits) -> None:
        self._handle = handle
        self._limits = limits

    async def start(self, address: Address, key: str = "milter.listen") -> None:
        """Listen. Raises SettingsError, one line that begins with `key`, where that can't be."""
        raise NotImplementedError

    async def drain(self, seconds: float) -> None:
        """Accept no more connections, close idle ones, let messages end for so many seconds."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close all connections and remove the socket; may be called at any time, also twice."""
        raise NotImplementedError
