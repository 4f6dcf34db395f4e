"""What the pipeline needs of the core, and how it asks for it: each message has its verdict."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from detectors.judging import Judged, Prepared
from detectors.verdict import Verdict
from features.envelope import Incoming
from features.history import History
from streams.metrics import StageClock

__all__ = ["Clocked", "Judging", "conclude_safely", "prepare_safely"]

_T = TypeVar("_T")
_R = TypeVar("_R")


class Judging(Protocol):
    """What the pipeline needs of the core: before and after the state is read."""

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Return what each message shows by itself, in order."""
        ...

    def conclude(
        self, prepared: Sequence[Prepared], histories: Sequence[History | None]
    ) -> list[Judged]:
        """Return one verdict a message, in order; None is a history that couldn't be read."""
        ...

    def degraded(self, incoming: Incoming, *missing: str) -> Verdict:
        """Return the verdict on a message that can't be judged; `missing` names the parts."""
        ...


class Clocked:
    """The core with its stages timed from the moment a batch reaches its thread."""

    def __init__(self, judging: Judging, clock: StageClock) -> None:
        self._judging = judging
        self._clock = clock
        self.degraded = judging.degraded

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Start the clock, and prepare."""
        self._clock.start()
        return self._judging.prepare(batch)

    def conclude(
        self, prepared: Sequence[Prepared], histories: Sequence[History | None]
    ) -> list[Judged]:
        """Start the clock, and conclude."""
        self._clock.start()
        return self._judging.conclude(prepared, histories)


def prepare_safely(judge: Judging, batch: Sequence[Incoming]) -> list[Prepared]:
    """Prepare a batch; if that fails as a whole, its messages one by one."""
    return _each_safely(
        judge.prepare, batch, lambda incoming, reason: Prepared(incoming, None, reason)
    )


def conclude_safely(
    judge: Judging, prepared: Sequence[Prepared], histories: Sequence[History | None]
) -> list[Judged]:
    """Judge what was prepared; if that fails as a whole, its messages one by one."""

    def conclude(pairs: Sequence[tuple[Prepared, History | None]]) -> list[Judged]:
        return judge.conclude([one for one, _ in pairs], [history for _, history in pairs])

    def broken(pair: tuple[Prepared, History | None], reason: str) -> Judged:
        return Judged(judge.degraded(pair[0].incoming, "pipeline"), None, reason)

    return _each_safely(conclude, list(zip(prepared, histories, strict=True)), broken)


def _each_safely(
    work: Callable[[Sequence[_T]], list[_R]], batch: Sequence[_T], broken: Callable[[_T, str], _R]
) -> list[_R]:
    """Return one result a message; what fails with a lone message is `broken`."""
    try:
        results = work(batch)
        if len(results) == len(batch):
            return results
        reason = f"judge: {len(results)} verdicts for {len(batch)} messages"
    except Exception as error:  # noqa: BLE001 - whatever it is, each message gets its verdict
        reason = f"judge: {type(error).__name__}: {error}"
    if len(batch) == 1:
        return [broken(batch[0], reason)]
    return [result for message in batch for result in _each_safely(work, [message], broken)]
