"""An MTA that sends milter frames as a test says, byte by byte, also those no MTA would send."""

import asyncio
from pathlib import Path

from apps.hook.milter.answer import AddHeader, Answer, SmtpReply
from apps.hook.milter.frames import frame
from apps.hook.milter.transaction import Transaction

ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF
HANGS_SECONDS = 30  # a milter that says nothing fails the test, and doesn't hang it
CONTINUE, ACCEPT = (b"c", b""), (b"a", b"")


def offer(version: int = 6, actions: int = ALL_ACTIONS, steps: int = ALL_STEPS) -> bytes:
    return frame(b"O", b"".join(n.to_bytes(4, "big") for n in (version, actions, steps)))


def macros(command: bytes, *pairs: bytes) -> bytes:
    return frame(b"D", command + b"".join(part + b"\0" for part in pairs))


def connect(name: bytes = b"mx.test", rest: bytes = b"4\x00\x19192.0.2.7\0") -> bytes:
    return frame(b"C", name + b"\0" + rest)


def message(
    body: bytes = b"Hello.\r\n",
    sender: bytes = b"<a@sender.test>",
    recipients: tuple[bytes, ...] = (b"<b@ours.test>",),
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Subject", b" hello"),),
    queue_id: bytes = b"Q1",
) -> bytes:
    """All frames of one message with its macros, as Postfix sends them, DATA's reply awaited."""
    return b"".join(
        (
            macros(b"M", b"{mail_addr}", sender.strip(b"<>")),
            frame(b"M", sender + b"\0"),
            *(frame(b"R", path + b"\0") for path in recipients),
            macros(b"T", b"i", queue_id),
            frame(b"T"),
            *(frame(b"L", name + b"\0" + value + b"\0") for name, value in headers),
            frame(b"N"),
            *(frame(b"B", body[at : at + 65_535]) for at in range(0, len(body), 65_535)),
            macros(b"E", b"i", queue_id),
            frame(b"E"),
        )
    )


class RawMta:
    """One connection to a milter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, path: Path) -> "RawMta":
        return cls(*await asyncio.open_unix_connection(str(path)))

    async def send(self, *frames: bytes, piece: int | None = None) -> None:
        """Send bytes, in pieces of so many bytes if said, each a read of its own for the milter."""
        data = b"".join(frames)
        for at in range(0, len(data), piece or len(data) or 1):
            self.writer.write(data[at : at + (piece or len(data))])
            await self.writer.drain()
            if piece is not None:
                await asyncio.sleep(0)

    async def reply(self) -> tuple[bytes, bytes]:
        """Return the next reply; raises IncompleteReadError where the milter has closed."""
        async with asyncio.timeout(HANGS_SECONDS):
            length = int.from_bytes(await self.reader.readexactly(4), "big")
            data = await self.reader.readexactly(length)
        return data[:1], data[1:]

    async def ends(self) -> list[tuple[bytes, bytes]]:
        """Return all replies up to the one that ends a message."""
        replies = [await self.reply()]
        while replies[-1][0] not in {b"a", b"d", b"y"}:
            replies.append(await self.reply())
        return replies

    async def greet(self, *frames: bytes) -> tuple[bytes, bytes]:
        """Negotiate as Postfix does, then connect and say HELO; return the negotiated masks."""
        await self.send(*(frames or (offer(), connect(), frame(b"H", b"mx.test\0"))))
        return await self.reply()

    async def closed(self) -> bool:
        """Wait until the milter closes; whether it said nothing more."""
        async with asyncio.timeout(HANGS_SECONDS):
            return not await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def telling(transaction: Transaction) -> Answer:
    """Judge by the body: a refusal names the queue id, else fields tell what was understood."""
    queue_id = transaction.macros.get("i", b"").decode()
    if b"refuse" in transaction.body:
        return Answer(SmtpReply(550, "5.7.1", f"100% no to {queue_id}"))
    return Answer(edits=(AddHeader("X-Told", queue_id),))
