"""The policy service's listening side: one request after another on each connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from apps.hook.addresses import Address
from apps.hook.listening import Listening, listen
from apps.hook.policyd.limiting import Limiting
from apps.hook.policyd.protocol import MalformedError, Request, Requests
from apps.hook.submission import Listener
from streams.settings import Settings

__all__ = ["Answer", "PolicyServer", "policy_server"]

Answer = Callable[[Request, Listener], Awaitable[bytes]]

_CHUNK: Final = 65_536
_NO_DESCRIPTOR_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class PolicyServer:
    """Answers the Postfix daemons that connect to one address.

    Beyond `connections`, others wait in the system's queue. One that asks nothing for
    `idle_seconds`, or reads no answers for so long, is closed.
    """

    def __init__(self, answer: Answer, *, connections: int, idle_seconds: float) -> None:
        self._answer = answer
        self._idle = idle_seconds
        self._room = asyncio.Semaphore(connections)
        self._listening: Listening | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()

    @property
    def port(self) -> int:
        """The TCP port in use, 0 for a Unix socket."""
        assert self._listening is not None
        return self._listening.port

    async def start(self, address: Address, key: str = "policyd.listen") -> None:
        """Listen. Raises SettingsError, one line that begins with `key`, where that can't be."""
        self._listening = listen(address, key)
        self._accepting = asyncio.create_task(self._accept(self._listening, address.listener))

    async def drain(self, seconds: float) -> None:
        """Accept no more, close what is idle, let requests be answered for so many seconds."""
        await self._stop_accepting()
        self._draining.set()
        if self._serving:
            await asyncio.wait(tuple(self._serving), timeout=seconds)

    async def stop(self) -> None:
        """Close everything; may be called at any time, also twice."""
        await self._stop_accepting()
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _stop_accepting(self) -> None:
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)
        if self._listening is not None:
            self._listening.close()

    async def _accept(self, listening: Listening, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                sock, _ = await loop.sock_accept(listening.socket)
                reader, writer = await asyncio.open_connection(sock=sock, limit=_CHUNK)
            except OSError as error:
                self._room.release()
                log.warning("policyd_accept_failed", error=error.strerror or str(error))
                await asyncio.sleep(_NO_DESCRIPTOR_SECONDS)
                continue
            task = asyncio.create_task(self._serve(reader, writer, listener))
            self._serving.add(task)
            task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        self._room.release()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Listener
    ) -> None:
        requests = Requests()
        try:
            while data := await self._read(reader, requests):
                for request in requests.feed(data):
                    writer.write(await self._answer(request, listener))
                    async with asyncio.timeout(self._idle):
                        await writer.drain()
        except MalformedError as error:
            log.info("policy_request_malformed", error=str(error))
        except (OSError, TimeoutError):  # it has gone, or reads no answers
            writer.transport.abort()
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, requests: Requests) -> bytes:
        """Return what comes next, b"" at the end: also when idle as we drain."""
        reading = asyncio.ensure_future(reader.read(_CHUNK))
        draining = asyncio.ensure_future(self._draining.wait())
        waited = {reading, draining} if requests.is_empty else {reading}
        try:
            done, _ = await asyncio.wait(
                waited, timeout=self._idle, return_when=asyncio.FIRST_COMPLETED
            )
            return reading.result() if reading in done else b""
        finally:
            reading.cancel()
            draining.cancel()


def policy_server(settings: Settings, limiting: Limiting) -> PolicyServer:
    """Return a server for one address, bounded as the settings say."""
    section = settings.policyd
    return PolicyServer(
        limiting.answer, connections=section.connections, idle_seconds=section.idle_seconds
    )
