"""SIGTERM ends a loop over what comes, in place of the program."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["ended_by_sigterm"]

_open: list[asyncio.Event] = []


@asynccontextmanager
async def ended_by_sigterm() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGTERM sets while the block runs; a second SIGTERM ends the program.

    Where the program handles the signal itself, or this isn't its main thread, nothing is changed
    and the event stays unset.
    """
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    ours = not _open and _unhandled()
    if ours:
        loop.add_signal_handler(signal.SIGTERM, _end, loop)
    _open.append(event)
    try:
        yield event
    finally:
        _open.remove(event)
        if not _open and not loop.is_closed():
            loop.remove_signal_handler(signal.SIGTERM)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    for event in _open:
        event.set()
    loop.remove_signal_handler(signal.SIGTERM)


def _unhandled() -> bool:
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
