"""SMTP sessions as clients hold them, timed from the end of the data to the reply (RFC 5321)."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, Self

__all__ = ["Answer", "Mail", "Sent", "SmtpSession", "codes", "send_all"]

_PATIENCE: Final = 120.0  # seconds for one reply: far beyond any deadline of a hook
_LINE: Final = 65_536
_LATE: Final = 0.05  # seconds
_CLOSING: Final = 421  # RFC 5321, 3.8: the server closes the channel


class Answer(NamedTuple):
    """The reply to one message: `code` 0 where the session broke; `seconds` after the data."""

    code: int
    text: str
    seconds: float


class Mail(NamedTuple):
    """A message to send, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class Sent(NamedTuple):
    """Answers in the order of the messages; `late` left after their time, every session busy.

    A rate that a server doesn't keep up with shows in `late`, not in the answers' times.
    """

    answers: list[Answer]
    late: int
    seconds: float


class SmtpSession:
    """One connection to an MTA; ConnectionError or TimeoutError where it breaks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int) -> AsyncIterator[Self]:
        """Connect to a port of this host, and greet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LINE)
        try:
            session = cls(reader, writer)
            await session._reply()
            await session._say(b"EHLO client.example.net")
            yield session
            with suppress(OSError, TimeoutError):
                await session._say(b"QUIT")
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def send(self, sender: str, recipients: Sequence[str], raw: bytes) -> Answer:
        """Hand a message over; return the reply that ended it, from whichever command it came."""
        for command in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{each}>" for each in recipients)):
            began = time.perf_counter()
            code, text = await self._say(command.encode())
            if code >= 400:
                return await self._ended(code, text, began)
        began = time.perf_counter()
        code, text = await self._say(b"DATA")
        if code != 354:
            return await self._ended(code, text, began)
        self._writer.write(_stuffed(raw))
        await self._writer.drain()
        began = time.perf_counter()
        code, text = await self._say(b".")
        return Answer(code, text, time.perf_counter() - began)

    async def _ended(self, code: int, text: str, began: float) -> Answer:
        answer = Answer(code, text, time.perf_counter() - began)
        if code != _CLOSING:
            await self._say(b"RSET")
        return answer

    async def _say(self, command: bytes) -> tuple[int, str]:
        self._writer.write(command + b"\r\n")
        return await self._reply()

    async def _reply(self) -> tuple[int, str]:
        lines = []
        async with asyncio.timeout(_PATIENCE):
            while True:
                line = await self._reader.readline()
                if not line:
                    raise ConnectionResetError("the server closed the session")
                lines.append(line[4:].decode("ascii", "replace").strip())
                if line[3:4] != b"-":
                    return int(line[:3]), " ".join(lines)


async def send_all(
    port: int, messages: Sequence[Mail], sessions: int, rate: float | None = None
) -> Sent:
    """Send messages over so many sessions at once, at a steady rate or as fast as they go.

    A session that breaks is a code of 0 for its message, and another one is opened.
    """
    answers: list[Answer] = [Answer(0, "", 0.0)] * len(messages)
    waiting = iter(range(len(messages)))
    start, late = time.perf_counter(), 0

    async def work() -> None:
        """Hold one session after another until nothing is left to send."""
        nonlocal late
        number = next(waiting, None)
        while number is not None:
            try:
                async with SmtpSession.opened(port) as session:
                    while number is not None:
                        if rate:
                            wait = start + number / rate - time.perf_counter()
                            late += wait < -_LATE
                            await asyncio.sleep(max(0.0, wait))
                        answers[number] = await session.send(*messages[number])
                        number = next(waiting, None)
            except (OSError, TimeoutError, ValueError) as error:
                if number is not None:
                    answers[number] = Answer(0, f"{type(error).__name__}: {error}", 0.0)
                number = next(waiting, None)

    await asyncio.gather(*(work() for _ in range(sessions)))
    return Sent(answers, late, time.perf_counter() - start)


def codes(answers: Sequence[Answer]) -> dict[str, int]:
    """Return how many answers had each code."""
    return {str(code): count for code, count in sorted(Counter(a.code for a in answers).items())}


def _stuffed(raw: bytes) -> bytes:
    """Return a message as DATA carries it: CRLF, dots doubled (RFC 5321, 4.5.2)."""
    lines = raw.replace(b"\r\n", b"\n").split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return b"".join((b"." + line if line[:1] == b"." else line) + b"\r\n" for line in lines)
