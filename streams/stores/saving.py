"""A memory store's file written beside its work, by a forked child that has all of it as it was.

To copy or encode a large state in this process would hold up every message for that long; a fork
costs the page table's copy, about 10 ms for 400 MB.
"""

import asyncio
import contextlib
import errno
import os
import signal
import time
import warnings
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from streams.stores.memory import MemoryStore

__all__ = ["Saving"]

_PATIENCE: Final = 300.0  # seconds for a child; a lock that it has inherited could hold it for ever
_LOOK: Final = 0.05
_FIRST_FILE: Final = 3  # file descriptors from here on aren't the child's affair
_OTHER: Final = 255

log = structlog.get_logger(__name__)


class Saving:
    """Saves a store every so many seconds, one child at a time.

    `synced` is called in the child before its file takes the other's place: what the state has
    counted must be on the disk before it.
    """

    def __init__(
        self,
        store: MemoryStore,
        seconds: float,
        synced: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._synced = synced
        self._clock = clock
        self._last = clock()
        self._child: asyncio.Task[bool] | None = None
        self.stalled = 0.0  # seconds for which the last fork held this process up

    @property
    def is_due(self) -> bool:
        """Whether it is time, and no child is at work."""
        busy = self._child is not None and not self._child.done()
        return not busy and self._clock() - self._last >= self._seconds

    def begin(self) -> "asyncio.Task[bool]":
        """Save the state as it is now; the task ends with the child, and tells whether it could.

        Call it where the state is whole: between batches.
        """
        self._last = self._clock()
        started = time.perf_counter()
        with warnings.catch_warnings():
            # Python warns of threads' locks from 3.12 on: the child needs none, and has a time.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            self._in_child()
        self.stalled = time.perf_counter() - started
        self._child = asyncio.create_task(_ended(child), name="weir-saving")
        return self._child

    async def settled(self) -> None:
        """Wait for the child, if there is one."""
        if self._child is not None:
            await self._child

    def _in_child(self) -> NoReturn:
        """Write the file and leave, touching nothing of what the parent has open."""
        code = _OTHER
        try:
            signal.set_wakeup_fd(-1)  # it is the parent's loop that would hear of our signals
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            _close_all()
            self._synced()
            self._store.save()
            code = 0
        except OSError as error:
            code = error.errno or _OTHER
        finally:
            os._exit(code)


def _close_all() -> None:
    """Close what the parent has open: its clients would wait for a child's end too."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, no paths
        if int(name) >= _FIRST_FILE:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(int(name))


async def _ended(child: int) -> bool:
    """Wait for a child, for so long; tell whether it wrote its file."""
    until = time.monotonic() + _PATIENCE
    while True:
        done, status = os.waitpid(child, os.WNOHANG)  # noqa: ASYNC222 - it doesn't wait
        if done:
            break
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        await asyncio.sleep(_LOOK)
    code = os.waitstatus_to_exitcode(status)
    if code:
        known = code in errno.errorcode
        log.error("state_not_saved", error=os.strerror(code) if known else f"exit code {code}")
    return code == 0
