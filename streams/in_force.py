"""The judge in force: changed between batches, asked for once a batch."""

from collections.abc import Callable

from detectors.judging import Judge
from streams.judging import Clocked, Judging
from streams.metrics import StageClock

__all__ = ["InForce", "Wrap"]

Wrap = Callable[[Judging], Judging]


class InForce:
    """Holds the one judge that the next batch will be judged by; used from the event loop alone.

    A batch in hand keeps the judge that it began with. `wrap` may put something around the core:
    the tests' fault injection does.
    """

    def __init__(
        self, judge: Judge, clock: StageClock, wrap: Wrap = lambda judging: judging
    ) -> None:
        self._clock = clock
        self._wrap = wrap
        self.judge = judge
        self.judging: Judging = Clocked(wrap(judge), clock)

    def change(self, changed: Callable[[Judge], Judge]) -> None:
        """Put another judge in force, made of the present one."""
        self.judge = changed(self.judge)
        self.judging = Clocked(self._wrap(self.judge), self._clock)
