"""A message judged here, too, while its request still waits: misses come many at once."""

import asyncio
from types import TracebackType
from typing import Self

from apps.hook.fallback import Fallback, Work
from features.envelope import Incoming

__all__ = ["Ahead"]


class Ahead:
    """Has the fallback begin once half of a message's time has passed; used as a context manager.

    When brokers or workers go, all that is in flight misses its deadline in one moment, and the
    thread judges one message after another: what began only then would come too late for most.
    Workers answer long before, so the thread has nothing else to do.
    """

    def __init__(self, fallback: Fallback, incoming: Incoming, deadline: float) -> None:
        """Take a message and when it must be answered (the loop's clock)."""
        self._work: Work | None = None
        self._fallback = fallback
        self._incoming = incoming
        self._deadline = deadline

    def __enter__(self) -> Self:
        """Wait."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at((loop.time() + self._deadline) / 2, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it: what hasn't begun never does."""
        self._timer.cancel()
        if self._work is not None:
            self._work.cancel()

    def take(self) -> Work | None:
        """Return what has begun, for Fallback.judge; from now on nothing begins."""
        self._timer.cancel()
        return self._work

    def _begin(self) -> None:
        self._work = self._fallback.begin(self._incoming)
