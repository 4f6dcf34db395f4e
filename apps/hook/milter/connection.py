"""One MTA's connection on the event loop: reads in, replies out, one verdict awaited at a time."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from typing import cast

import structlog

from apps.hook.milter.answer import Answer
from apps.hook.milter.frames import FrameError, Frames
from apps.hook.milter.replies import PROGRESS
from apps.hook.milter.session import Limits, Session
from apps.hook.milter.transaction import Transaction

__all__ = ["Connection", "Handle"]

log = structlog.get_logger(__name__)

# Runs once a message. It isn't cancelled when the MTA goes away: its answer is dropped.
Handle = Callable[[Transaction], Awaitable[Answer]]

_HEAD_BYTES = 4
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux


class Connection(asyncio.Protocol):
    """Takes frames one by one; what comes while a message is judged waits until its answer.

    `tasks` holds the judgements that run, `enter` is called when the connection
    is there, `leave` when it is gone, each once.
    """

    def __init__(
        self,
        handle: Handle,
        limits: Limits,
        sock: socket.socket,
        tasks: set[asyncio.Task[None]],
        enter: Callable[["Connection"], None],
        leave: Callable[["Connection"], None],
    ) -> None:
        self._handle = handle
        self._limits = limits
        self._socket = sock if sock.family != socket.AF_UNIX and _QUICKACK else None
        self._tasks = tasks
        self._enter = enter
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._session = Session(limits)
        self._frames = Frames(limits.frame_bytes)
        self._judging = False
        self._blocked = False
        self._paused = False
        self._last = False
        self.heard = self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a message has begun and isn't answered."""
        return self._judging or self._session.begun

    @property
    def silent_since(self) -> float:
        """The loop's time (seconds) at which the MTA last said something, now while we judge."""
        return self._loop.time() if self._judging else self.heard

    def finish(self) -> None:
        """Close: at once if no message has begun, else after its answer."""
        self._last = True
        if not self.busy:
            self._transport.close()

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """End: no answer is written any more."""
        self._leave(self)

    def data_received(self, data: bytes) -> None:
        """Take what came, and all whole frames in it."""
        if self._socket is not None:
            # Not a mode that stays: without it the MTA's next bytes wait for our delayed ACK.
            self._socket.setsockopt(socket.IPPROTO_TCP, cast("int", _QUICKACK), 1)
        self.heard = self._loop.time()
        self._frames.feed(data)
        self._go_on()

    def pause_writing(self) -> None:
        """Take no more from an MTA that doesn't read its replies."""
        self._blocked = True
        self._hold_back()

    def resume_writing(self) -> None:
        """Take the rest."""
        self._blocked = False
        self._go_on()

    def _go_on(self) -> None:
        replies = []
        while not (self._judging or self._blocked or self._transport.is_closing()):
            try:
                taken = self._frames.take()
                if taken is None:
                    break
                reply = self._session.receive(*taken)
            except FrameError as error:
                log.warning("milter_malformed", error=str(error))
                reply = None
            if isinstance(reply, Transaction):
                self._judging = True
                task = self._loop.create_task(self._judge(reply))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif reply is not None:
                replies.append(reply)
            else:
                self._write(replies)
                self._transport.close()
                return
        self._write(replies)
        self._hold_back()
        if self._last and not self.busy:
            self._transport.close()

    def _write(self, replies: list[bytes]) -> None:
        if replies and not self._transport.is_closing():
            self._transport.write(b"".join(replies))

    def _hold_back(self) -> None:
        # An MTA waits for its replies, so this much unread is one that doesn't speak the protocol.
        full = self._blocked or self._frames.held > self._limits.frame_bytes + _HEAD_BYTES
        if full != self._paused and not self._transport.is_closing():
            self._paused = full
            (self._transport.pause_reading if full else self._transport.resume_reading)()

    async def _judge(self, transaction: Transaction) -> None:
        self._beat = self._loop.call_later(self._limits.progress_seconds, self._progress)
        try:
            encoded = self._session.answer(await self._handle(transaction))
        except asyncio.CancelledError as error:
            if cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                raise
            encoded = self._accept(error)  # something within gave up, not the server
        except Exception as error:  # noqa: BLE001 - no defect of ours costs mail or the connection
            encoded = self._accept(error)
        finally:
            self._beat.cancel()
            self._judging = False
        self._write([encoded])
        self._go_on()

    def _accept(self, error: BaseException) -> bytes:
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error(  # its text may quote the message
            "milter_unanswered", error=type(error).__name__, file=place.filename, line=place.lineno
        )
        return self._session.answer(Answer())

    def _progress(self) -> None:
        self._write([PROGRESS])
        self._beat = self._loop.call_later(self._limits.progress_seconds, self._progress)
