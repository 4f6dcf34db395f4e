"""A mail transaction told to a milter as an MTA tells it, and what the milter wants done.

It offers every change and no silence, so that any milter answers it; one message a connection.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from apps.hook.addresses import Address
from apps.hook.milter import commands
from apps.hook.milter.frames import FrameError, Frames, frame

__all__ = ["Heard", "MilterError", "tell_milter"]

_ALL_ACTIONS: Final = 0x1FF
_VERSION: Final = 6
_FRAME: Final = 1_048_576
_CHUNK: Final = 65_535  # of a body, as MTAs send it
_READ: Final = 65_536
_EDITS: Final = frozenset({b"h", b"i", b"m", b"q", b"+", b"-", b"b", b"e"})
_PROGRESS: Final = b"p"
_FINAL: Final = {
    b"a": "accept",
    b"c": "accept",
    b"d": "discard",
    b"r": "550 5.7.1",
    b"t": "451 4.7.1",
}


class MilterError(RuntimeError):
    """The milter can't be reached or doesn't speak the protocol: one line."""


class Heard(NamedTuple):
    """What the milter wants: "accept", "discard" or an SMTP reply, and the header fields it adds.

    `hold` is the reason of a quarantine, "" for none.
    """

    final: str
    added: tuple[tuple[str, str], ...] = ()
    hold: str = ""


async def tell_milter(
    address: Address, sender: str, recipients: tuple[str, ...], raw: bytes, seconds: float
) -> Heard:
    """Tell a milter one message; raises MilterError if it isn't answered within `seconds`."""
    try:
        async with asyncio.timeout(seconds), _connected(address) as said:
            return await said.message(sender, recipients, raw)
    except TimeoutError:
        raise MilterError(f"{address.text}: no answer within {seconds:g} s") from None
    except (OSError, FrameError) as error:
        raise MilterError(f"{address.text}: {error}") from None


class _Said:
    """One connection, whose every command has its reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = Frames(_FRAME)

    async def message(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> Heard:
        header, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        told = [
            (commands.CONNECT, b"localhost\x004\x00\x19127.0.0.1\0"),
            (commands.HELO, b"localhost\0"),
            (commands.MAIL, f"<{sender}>\0".encode()),
            *((commands.RECIPIENT, f"<{each}>\0".encode()) for each in recipients),
            (commands.DATA, b""),
            *((commands.HEADER, field) for field in _fields(header)),
            (commands.END_OF_HEADERS, b""),
        ]
        for command, payload in told:
            letter, answer = await self._say(command, payload)
            if letter != b"c":
                return Heard(_final(letter, answer))
        body = body.replace(b"\n", b"\r\n")
        for at in range(0, len(body), _CHUNK):
            letter, answer = await self._say(commands.BODY, body[at : at + _CHUNK])
            if letter == b"s":
                break
            if letter != b"c":
                return Heard(_final(letter, answer))
        return await self._end()

    async def negotiate(self) -> None:
        offer = b"".join(n.to_bytes(4, "big") for n in (_VERSION, _ALL_ACTIONS, 0))
        letter, _ = await self._say(commands.NEGOTIATE, offer)
        if letter != commands.NEGOTIATE:
            raise FrameError(f"answers an offer with {letter!r}")

    def quit(self) -> None:
        self._writer.write(frame(commands.QUIT))

    async def _end(self) -> Heard:
        self._writer.write(frame(commands.END))
        added = []
        hold = ""
        while True:
            letter, payload = await self._read()
            if letter in b"hi":
                pair = payload if letter == b"h" else payload[4:]
                name, value = (part.decode("ascii", "replace") for part in pair.split(b"\0")[:2])
                added.append((name, value.strip()))
            elif letter == b"q":
                hold = payload.rstrip(b"\0").decode("ascii", "replace")
            elif letter not in _EDITS:
                return Heard(_final(letter, payload), tuple(added), hold)

    async def _say(self, command: bytes, payload: bytes) -> tuple[bytes, bytes]:
        self._writer.write(frame(command, payload))
        return await self._read()

    async def _read(self) -> tuple[bytes, bytes]:
        while True:
            found = self._frames.take()
            if found is None:
                data = await self._reader.read(_READ)
                if not data:
                    raise ConnectionResetError("the milter closed the connection")
                self._frames.feed(data)
            elif found[0] != _PROGRESS:
                return found


@contextlib.asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[_Said]:
    if address.path is not None:
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        said = _Said(reader, writer)
        await said.negotiate()
        yield said
        said.quit()
    finally:
        writer.close()


def _fields(header: bytes) -> list[bytes]:
    """Return the payload of each header field; lines that are none of a field are left out."""
    fields: list[bytes] = []
    for line in header.split(b"\n"):
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1] += b"\n" + line
        elif b":" in line:
            name, _, value = line.partition(b":")
            fields.append(name + b"\0" + value.lstrip())
    return [field + b"\0" for field in fields]


def _final(letter: bytes, payload: bytes) -> str:
    if letter == b"y":
        return payload.rstrip(b"\0").replace(b"%%", b"%").decode("ascii", "replace")
    if letter not in _FINAL:
        raise FrameError(f"answers with {letter!r}")
    return _FINAL[letter]
