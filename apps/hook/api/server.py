"""The HTTP face of the hook: its sockets, in the loop of whoever starts it."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from apps.hook.addresses import Address
from apps.hook.api.body import Body
from apps.hook.api.lines import Headers, Scan
from apps.hook.api.office import Office
from apps.hook.api.protocol import Bounds, Connection
from apps.hook.api.rest import Rest
from apps.hook.api.routes import application
from apps.hook.api.rspamd import Rspamd
from apps.hook.api.tokens import read_tokens
from apps.hook.listening import Listening, listen
from apps.hook.submission import Check, Listener
from streams.health import Exposed
from streams.settings import Settings, SettingsError

__all__ = ["HttpServer"]

_TICK: Final = 0.05  # seconds between looks at what is left while it drains


class HttpServer:
    """Answers our own API and rspamd's protocol on one address of `api.listen`.

    `check` judges; `metrics` are what /metrics exposes; `ready` has each condition of readiness.
    `port` is the TCP port in use, 0 for a Unix socket.
    """

    def __init__(
        self,
        settings: Settings,
        check: Check,
        metrics: Exposed,
        ready: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._settings = settings.api
        self._longest = settings.topics.message_bytes
        self._check = check
        self._metrics = metrics
        self._ready = ready
        self._office = Office(settings)
        self._state = ServerState()
        self._listening: Listening | None = None
        self._server: asyncio.Server | None = None
        self._clock: asyncio.TimerHandle | None = None
        self.port = 0

    async def start(self, address: Address, key: str = "api.listen") -> None:
        """Listen.

        Raises SettingsError, one line, where the address can't be had, where the tokens can't be
        read, or where others than this host could ask without a token.
        """
        tokens = read_tokens(self._settings.tokens_file)
        if not tokens and address.path is None and not _is_loopback(address.host):
            raise SettingsError(
                f"{key}: {address.text!r} can be reached by other hosts; allowed without "
                "api.tokens_file: addresses of this host (127.0.0.1, [::1]) and unix:PATH"
            )
        rspamd = Rspamd(self._check, self._office, tokens, self._longest)
        rest = Rest(self._check, self._office, tokens, self._longest)
        # uvicorn warns of each malformed request: a port scan would fill the log
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        config = Config(
            application(rest, rspamd, self._metrics, self._ready, tokens),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=max(1, round(self._settings.idle_seconds)),
        )
        config.load()
        self._listening = listen(address, key)
        self.port = self._listening.port
        self._tell_time()
        loop, unix = asyncio.get_running_loop(), address.path is not None
        connection = self._connections(config, address.listener, rspamd, unix=unix)
        serve = loop.create_unix_server if unix else loop.create_server
        self._server = await serve(connection, sock=self._listening.socket)

    async def drain(self, seconds: float) -> None:
        """Accept no more, close what is idle, and let what is under way end for so many seconds."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._state.connections or self._state.tasks:  # noqa: ASYNC110 - uvicorn's sets
                    await asyncio.sleep(_TICK)

    async def stop(self) -> None:
        """Close everything and remove the socket's file; may be called at any time, also twice."""
        if self._clock is not None:
            self._clock.cancel()
        if self._server is not None:
            self._server.close()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _connections(
        self, config: Config, listener: Listener, rspamd: Rspamd, *, unix: bool
    ) -> Callable[[], Connection]:
        """Return what makes the protocol of each connection."""
        section = self._settings
        state: dict[str, Any] = {"listener": listener, "unix": unix}
        bounds = Bounds(section.header_bytes, section.connections, section.read_seconds)

        async def answer(headers: Headers, body: Body) -> bytes:
            return await rspamd.lines(listener, headers, body, unix=unix)

        def scan() -> Scan:
            return Scan(answer, self._longest, section.header_bytes)

        return lambda: Connection(config, self._state, state, bounds, scan)

    def _tell_time(self) -> None:
        """Keep the Date of answers (RFC 9110, 6.6.1)."""
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = asyncio.get_running_loop().call_later(1.0, self._tell_time)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
