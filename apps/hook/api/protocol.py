"""One connection: HTTP by uvicorn's httptools protocol, with bounds, or rspamd's older lines."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from apps.hook.api.lines import MARKERS, Lines, Scan

__all__ = ["Bounds", "Connection"]

_ANSWER_SECONDS: Final = 90.0  # the longest deadline that a hook may have, and the client's reading
_FRAMING: Final = 16  # bytes that a byte of a chunked body may cost
_LONGEST_MARKER: Final = max(map(len, MARKERS))


class Bounds(NamedTuple):
    """What one client may cost: bytes and seconds."""

    header_bytes: int
    connections: int
    read_seconds: float


class Connection(HttpToolsProtocol):
    """Tells by the first bytes what a client speaks, and ends clients that are too slow or large.

    uvicorn itself bounds neither the size of a header nor the time in which a request must come.
    """

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        bounds: Bounds,
        scan: Callable[[], Scan],
    ) -> None:
        super().__init__(config, state, app_state)
        self._bounds = bounds
        self._scan = scan
        self._admitted = False
        self._timer: asyncio.TimerHandle | None = None
        self._first: bytes | None = b""  # until it is clear what is spoken
        self._fed = 0  # bytes of the request, less what of it was body
        self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the first request, if there is room for another client."""
        if len(self.connections) >= self._bounds.connections:
            transport.abort()
            return
        self._admitted = True
        super().connection_made(transport)
        self._expect(self._bounds.read_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._expect(None)
        if self._admitted:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as far as the bounds allow."""
        if not self._admitted:
            return
        if self._first is not None:
            data = self._first + data
            if any(marker.startswith(data[:_LONGEST_MARKER]) for marker in MARKERS):
                self._first = data
                return
            self._first = None
            if data.startswith(MARKERS):
                self._speak_lines(data)
                return
        if self._timer is None:
            self._expect(self._bounds.read_seconds)
        self._fed += len(data)
        super().data_received(data)
        if self._fed - _FRAMING * self._body > self._bounds.header_bytes:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request: what came before isn't held against it."""
        self._fed = self._body = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which whoever answers bounds."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there: now the client waits, and then has to read."""
        self._expect(_ANSWER_SECONDS)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered."""
        self._expect(None if self.cycle.response_complete else _ANSWER_SECONDS)
        super().on_response_complete()

    def _expect(self, seconds: float | None) -> None:
        """Abort the connection unless something is done within a time; None: no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = (
            None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
        )

    def _speak_lines(self, data: bytes) -> None:
        """Hand the connection over to what answers the older protocol."""
        self._expect(None)
        self.connections.discard(self)
        lines = Lines(self._scan(), self.server_state, self._bounds.read_seconds + _ANSWER_SECONDS)
        self.transport.set_protocol(lines)
        lines.connection_made(self.transport)
        lines.data_received(data)
