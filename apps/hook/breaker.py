"""When workers don't answer in time, messages stop waiting for them, and one asks again."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

__all__ = ["MissBreaker"]

State = Literal["closed", "open", "half_open"]

_WINDOW: Final = 10.0  # seconds
_SHARE: Final = 0.2  # of requests that missed
_FEWEST: Final = 5  # misses: one of three says nothing yet
_PAUSE: Final = 1.0  # seconds before the open breaker lets a probe through


class _Second:
    """What happened in one second."""

    __slots__ = ("answered", "at", "missed")

    def __init__(self, at: int) -> None:
        self.at = at
        self.answered = 0
        self.missed = 0


class MissBreaker:
    """Opens where over 20 % of requests in 10 s missed; probes half-open, one at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[_Second] = deque()
        self._opened = 0.0
        self.state: State = "closed"

    def probe(self) -> bool:
        """Tell whether this message is to ask an open breaker's workers; it must be settled."""
        if self.state == "open" and self._clock() - self._opened >= _PAUSE:
            self.state = "half_open"
            return True
        return False

    def settle(self, *, answered: bool) -> None:
        """Take note of how the probe ended: the breaker closes with it, or opens again."""
        if self.state != "half_open":
            return
        if answered:
            self._seconds.clear()
            self.state = "closed"
        else:
            self._open()

    def answered(self) -> None:
        """Count a request that was answered in time."""
        self._now().answered += 1

    def missed(self) -> None:
        """Count a request that wasn't; it may open the breaker."""
        self._now().missed += 1
        if self.state != "closed":
            return
        missed = sum(second.missed for second in self._seconds)
        answered = sum(second.answered for second in self._seconds)
        if missed >= _FEWEST and missed > _SHARE * (missed + answered):
            self._open()

    def _open(self) -> None:
        self.state = "open"
        self._opened = self._clock()

    def _now(self) -> _Second:
        at = int(self._clock())
        if not self._seconds or self._seconds[-1].at != at:
            self._seconds.append(_Second(at))
            while self._seconds[0].at <= at - _WINDOW:
                self._seconds.popleft()
        return self._seconds[-1]
