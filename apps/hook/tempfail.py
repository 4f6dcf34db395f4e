"""A bound on deferrals for our own faults: a storm of retries must not follow an outage."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["TempfailBudget"]

_WINDOW: Final = 300  # seconds
_BUCKET: Final = 10  # seconds
_ALWAYS: Final = 10  # deferrals in the window that need no share: a small host has little mail


class TempfailBudget:
    """Allows `percent` of the messages of 5 minutes to be deferred by the fallback."""

    def __init__(self, percent: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = percent / 100
        self._clock = clock
        self._buckets: deque[list[int]] = deque()  # when, messages, deferrals
        self._messages = 0
        self._deferred = 0

    def saw(self) -> None:
        """Count a message."""
        self._now()[1] += 1
        self._messages += 1

    def take(self) -> bool:
        """Tell whether a message may be deferred; it is counted if so."""
        bucket = self._now()
        if not self._share:
            return False
        if self._deferred >= max(_ALWAYS, self._share * self._messages):
            return False
        bucket[2] += 1
        self._deferred += 1
        return True

    def _now(self) -> list[int]:
        at = int(self._clock()) // _BUCKET
        if not self._buckets or self._buckets[-1][0] != at:
            self._buckets.append([at, 0, 0])
            while self._buckets[0][0] <= at - _WINDOW // _BUCKET:
                _, messages, deferred = self._buckets.popleft()
                self._messages -= messages
                self._deferred -= deferred
        return self._buckets[-1]
