"""A milter's listening side: the MTAs that connect to one address, and their end."""

import asyncio
import contextlib
import socket
from functools import partial

import structlog

from apps.hook.addresses import Address
from apps.hook.listening import Listening, listen
from apps.hook.milter.connection import Connection, Handle
from apps.hook.milter.session import Limits

__all__ = ["Handle", "Limits", "Server"]

log = structlog.get_logger(__name__)

_NO_DESCRIPTOR_SECONDS = 0.5
_TELL_AGAIN_SECONDS = 60.0
_LONGEST_SWEEP_SECONDS = 30.0


class Server:
    """Answers the MTAs that connect to one address by one `handle`.

    Over `limits.connections`, others wait in the system's queue until one ends.
    """

    def __init__(self, handle: Handle, limits: Limits) -> None:
        self._handle = handle
        self._limits = limits
        self._room = asyncio.Semaphore(limits.connections)
        self._connections: set[Connection] = set()
        self._judgements: set[asyncio.Task[None]] = set()
        self._own: list[asyncio.Task[None]] = []
        self._listening: Listening | None = None
        self._gone = asyncio.Event()

    @property
    def port(self) -> int:
        """The TCP port in use, 0 for a Unix socket."""
        assert self._listening is not None
        return self._listening.port

    @property
    def connections(self) -> int:
        """How many MTAs are connected."""
        return len(self._connections)

    async def start(self, address: Address, key: str = "milter.listen") -> None:
        """Listen. Raises SettingsError, one line that begins with `key`, where that can't be."""
        self._listening = listen(address, key)
        self._own = [
            asyncio.create_task(self._accept(self._listening.socket)),
            asyncio.create_task(self._sweep()),
        ]

    async def drain(self, seconds: float) -> None:
        """Accept no more connections, close idle ones, let messages end for so many seconds."""
        await self._stop_accepting()
        for connection in tuple(self._connections):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._connections:
                    self._gone.clear()
                    await self._gone.wait()

    async def stop(self) -> None:
        """Close all connections and remove the socket; may be called at any time, also twice."""
        await self._stop_accepting()
        for connection in tuple(self._connections):
            connection.close()
        judgements = tuple(self._judgements)
        for task in judgements:
            task.cancel()
        await asyncio.gather(*judgements, return_exceptions=True)

    async def _stop_accepting(self) -> None:
        own, self._own = self._own, []
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
        if self._listening is not None:
            self._listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        told = -_TELL_AGAIN_SECONDS
        while True:
            if self._room.locked() and loop.time() > told + _TELL_AGAIN_SECONDS:
                told = loop.time()
                log.warning("milter_full", connections=len(self._connections))
            await self._room.acquire()
            try:
                sock, _ = await loop.sock_accept(listening)
                await loop.connect_accepted_socket(partial(self._connection, sock), sock)
            except OSError as error:
                self._room.release()
                log.warning("milter_accept_failed", error=error.strerror or str(error))
                await asyncio.sleep(_NO_DESCRIPTOR_SECONDS)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        limit = self._limits.idle_seconds
        while True:
            await asyncio.sleep(min(limit / 4, _LONGEST_SWEEP_SECONDS))
            for connection in tuple(self._connections):
                if loop.time() - connection.silent_since > limit:
                    connection.close()

    def _connection(self, sock: socket.socket) -> Connection:
        return Connection(
            self._handle, self._limits, sock, self._judgements, self._enter, self._leave
        )

    def _enter(self, connection: Connection) -> None:
        self._connections.add(connection)
        if not self._own:  # accepted just as the server stopped
            connection.finish()

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._room.release()
        self._gone.set()
