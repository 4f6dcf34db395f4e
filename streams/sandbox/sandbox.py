"""The parent's side: attachments handed to a reader that is killed when it takes too long."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from detectors.judging import Prepared
from features.opened import File, Request
from streams.sandbox.frames import LENGTH, LONGEST_ANSWER, answers
from streams.sections import AttachmentsSection

__all__ = ["Sandbox"]

_START_SECONDS = 30.0  # imports take half a second, on a busy machine more
_MESSAGES = 1_000  # that one reader opens: what libraries leak and scatter goes with it
_DEADLINES = 5  # a batch waits: a flood of hostile files must not stall the partition
_CHUNK = 1 << 16
_NAME: Final = "streams.sandbox.reader_process"


class _BrokenError(Exception):
    """The reader died, hung or answered what it mustn't."""


class Sandbox:
    """Opens what the core asks for; a file that breaks its reader costs its message alone.

    Starts a reader when it is first needed, or by `start`. To be used by one thread at a time,
    which it sees to itself. `opened` is told the kinds and seconds of each message, `failed`
    why the attachments of one weren't to be had.
    """

    def __init__(
        self,
        settings: AttachmentsSection | None = None,
        *,
        opened: Callable[[Iterable[str], float], None] = lambda _, __: None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings or AttachmentsSection()
        self._opened = opened
        self._failed = failed
        self._deadline = self._settings.deadline_ms / 1000
        self._reader: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._served = 0
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a reader without waiting for it; raises OSError where that can't be."""
        with self._lock:
            if self._reader is None:
                self._spawn()

    def close(self) -> None:
        """End the reader for good; a message that is being opened is given up."""
        self._closed = True
        if self._reader is not None:
            self._reader.kill()  # without the lock, which whoever waits for the reader holds
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """The process id of the reader, None while there is none."""
        return self._reader.pid if self._reader else None

    def open_all(self, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Return the messages with what was found inside what they want opened.

        None as `opened` says that it couldn't be: too slow, too large, or it broke the reader.
        """
        spent = 0.0
        done = list(prepared)
        for at, one in enumerate(prepared):
            if not one.wanted:
                continue
            if spent > self._deadline * _DEADLINES:
                done[at] = replace(one, opened=None)
                continue
            started = time.monotonic()
            done[at] = replace(one, opened=self.open(one.wanted))
            spent += time.monotonic() - started
        return done

    def open(self, requests: Sequence[Request]) -> tuple[File, ...] | None:
        """Open the attachments of one message; None where that failed."""
        with self._lock:
            if self._closed:
                return None
            try:
                files, seconds = self._ask(msgspec.msgpack.encode(requests))
            except (_BrokenError, OSError, msgspec.MsgspecError) as error:
                self._failed(str(error))
                self._end()
                with contextlib.suppress(OSError):
                    if not self._closed:
                        self._spawn()  # it is ready by the time another message needs it
                return None
            self._opened([file.kind for file in files], seconds)
            return files

    def _ask(self, frame: bytes) -> tuple[tuple[File, ...], float]:
        if self._served == _MESSAGES or (self._reader and self._reader.poll() is not None):
            self._end()
        if self._reader is None:
            self._spawn()
        if not self._ready:
            self._receive(time.monotonic() + _START_SECONDS)
            self._ready = True
        self._served += 1
        started = time.monotonic()
        deadline = started + self._deadline
        self._send(LENGTH.pack(len(frame)) + frame, deadline)
        files = answers.decode(self._receive(deadline))
        return files, time.monotonic() - started

    def _spawn(self) -> None:
        """Start a reader as a new program: nothing of a process with threads is forked."""
        self._reader = subprocess.Popen(  # noqa: S603 - this interpreter, and numbers
            [
                *(sys.executable, "-I", "-X", "utf8", "-W", "ignore", "-m", _NAME),
                str(self._settings.memory_mib),
                str(-(-self._settings.deadline_ms // 1000)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,  # a Ctrl-C at the terminal is the parent's affair
        )
        for stream in (self._reader.stdin, self._reader.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        self._ready, self._served = False, 0
        # Who forgets to close leaves no process behind.
        self._ending = weakref.finalize(self, _kill, self._reader)

    def _end(self) -> None:
        if self._reader is not None:
            self._ending()
            self._reader = None

    def _send(self, data: bytes, deadline: float) -> None:
        assert self._reader is not None
        assert self._reader.stdin is not None
        place, rest = self._reader.stdin.fileno(), memoryview(data)
        while rest:
            _wait(place, select.POLLOUT, deadline)
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(place, rest[:_CHUNK]) :]

    def _receive(self, deadline: float) -> bytes:
        size = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
        if size > LONGEST_ANSWER:
            raise _BrokenError("the answer is too long")
        return self._read(size, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._reader is not None
        assert self._reader.stdout is not None
        place, found = self._reader.stdout.fileno(), bytearray()
        while len(found) < size:
            _wait(place, select.POLLIN, deadline)
            with contextlib.suppress(BlockingIOError):
                part = os.read(place, size - len(found))
                if not part:
                    raise _BrokenError("the reader ended")
                found += part
        return bytes(found)


def _kill(reader: subprocess.Popen[bytes]) -> None:
    reader.kill()
    reader.wait()
    for stream in (reader.stdin, reader.stdout):
        assert stream is not None
        with contextlib.suppress(OSError):
            stream.close()


def _wait(place: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(place, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _BrokenError("the deadline has passed")
