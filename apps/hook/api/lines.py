"""rspamd's protocol before it spoke HTTP (RSPAMC/1.3): Exim's `variant=rspamd` still does.

    CHECK RSPAMC/1.3            RSPAMD/1.3 0 EX_OK
    Content-length: 400         Metric: default; True; 7.50 / 15.00 / 15.00
    From: <a@b.example>         Action: add header
                                Symbol: ...
    (400 bytes of message)

Exim leaves its side open, and takes the server's closing for the end of the reply. It puts
an mbox separator, X-Envelope-From and X-Envelope-To in front of the message (seen with 4.96).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import structlog
from uvicorn.server import ServerState

from apps.hook.api.body import Body

__all__ = ["MARKERS", "Headers", "Lines", "Scan", "failed", "without_spool_lines"]

MARKERS: Final = (b"CHECK RSPAMC/", b"SYMBOLS RSPAMC/", b"PING RSPAMC/")
"""What a request begins with; HTTP's methods are followed by a path."""

Headers = list[tuple[bytes, bytes]]

_SPOOL: Final = re.compile(rb"From [^\n]*\n(?:X-Envelope-(?:From|To):[^\n]*\n(?:[ \t][^\n]*\n)*)*")
_BAD_DATA: Final = 65  # EX_DATAERR of sysexits.h

log = structlog.get_logger(__name__)


class Scan:
    """What answers one request: `keep` bytes of a message at most, `header_bytes` before it.

    `answer` returns the reply's lines.
    """

    def __init__(
        self,
        answer: Callable[[Headers, Body], Awaitable[bytes]],
        keep: int,
        header_bytes: int,
    ) -> None:
        self.answer = answer
        self.body = Body(keep)
        self.header_bytes = header_bytes


class Lines(asyncio.Protocol):
    """One request and its reply; a client that isn't done after `seconds` is cut off."""

    def __init__(self, scan: Scan, state: ServerState, seconds: float) -> None:
        self._scan = scan
        self._state = state
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self._head: bytearray | None = bytearray()  # until it is whole
        self._headers: Headers = []
        self._left = 0
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's derives from none
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self.transport.abort)
        self._state.connections.add(self)  # type: ignore[arg-type]  # it has what is asked of one

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; what is being judged is judged to its end."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._state.connections.discard(self)

    def shutdown(self) -> None:
        """Close, unless a message is being judged: that closes it."""
        if self._task is None and self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes: the head, then as many as it announces; more are no request."""
        if self._task is not None or self.transport is None:
            return
        if self._head is not None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > self._scan.header_bytes:
                    self._end(failed("the request's header is too long"))
                return
            head, data = bytes(self._head[:end]), bytes(self._head[end + 4 :])
            self._head = None
            if head.startswith(b"PING "):
                self._end(b"RSPAMD/1.3 0 PONG\r\n")
                return
            try:
                self._headers, self._left = _read(head)
            except ValueError as error:
                self._end(failed(str(error)))
                return
        self._scan.body.feed(data[: self._left])
        self._left -= min(len(data), self._left)
        if not self._left:
            self._task = asyncio.get_running_loop().create_task(self._answer())

    def eof_received(self) -> bool:
        """Keep our side open while a reply is due: some clients close theirs behind a request."""
        return self._task is not None

    def _end(self, reply: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(reply)
            self.transport.close()

    async def _answer(self) -> None:
        try:
            reply = await self._scan.answer(self._headers, self._scan.body)
        except Exception:
            log.exception("request_failed")
            reply = failed("a defect of ours; the log has more")
        self._end(reply)


def without_spool_lines(raw: bytes) -> bytes:
    """Return a message without what Exim puts in front of it: it is new with each recipient."""
    found = _SPOOL.match(raw)
    return raw[found.end() :] if found else raw


def failed(why: str) -> bytes:
    """Return the reply to a request that can't be answered: its first line isn't EX_OK."""
    return f"RSPAMD/1.3 {_BAD_DATA} {' '.join(why.split())[:300]}\r\n".encode("utf-8", "replace")


def _read(head: bytes) -> tuple[Headers, int]:
    """Split a head into its headers, and how many bytes follow; raises ValueError, one line."""
    headers: Headers = []
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError(f"no header: {line[:60]!r}")
        headers.append((name.strip().lower(), value.strip()))
    lengths: set[Any] = {value for name, value in headers if name == b"content-length"}
    length = lengths.pop() if len(lengths) == 1 else b""
    if not length.isdigit() or len(length) > 15:
        raise ValueError("Content-length: missing or no number")
    return headers, int(length)
