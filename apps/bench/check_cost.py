"""What each check costs: CPU time a message, without the clock's own."""

from collections import defaultdict
from dataclasses import dataclass, field
from time import process_time_ns

from detectors.catalogue import DETECTORS
from detectors.checks import Checks
from features.context import Context
from features.evidence import Evidence

__all__ = ["CheckCost", "DetectStage"]

_ROUNDS = 10_000


@dataclass(slots=True)
class CheckCost:
    """Nanoseconds by signal, and by group those of what its checks share."""

    checks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shared: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    messages: int = 0

    def add(self, evidence: Evidence, context: Context) -> None:
        """Time every check on a message."""
        self.messages += 1
        for detector in DETECTORS:
            if not isinstance(detector, Checks):
                before = process_time_ns()
                for _ in detector.detect(evidence, context):
                    pass
                self.checks[detector.specs[0].name] += process_time_ns() - before
                continue
            before = process_time_ns()
            view, checks = detector.parts(evidence, context)
            after = process_time_ns()
            self.shared[detector.specs[0].group] += after - before
            for name, check in checks:
                if view is None:  # nothing to look at, so no check is asked
                    self.checks[name] += 0
                    continue
                before = process_time_ns()
                check(view)
                self.checks[name] += process_time_ns() - before

    def us(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return microseconds a message by signal, and by group what its checks share."""
        clock = _clock()
        signals, groups = (
            {
                name: round(max(0.0, spent / max(1, self.messages) - clock) / 1000, 2)
                for name, spent in table.items()
            }
            for table in (self.checks, self.shared)
        )
        return signals, groups


class DetectStage:
    """CPU time of the core's detect stage, by kind of mail; called at the end of each stage.

    A batch's time is charged to its first message's kind.
    """

    def __init__(self) -> None:
        self.messages = 0
        self._last = process_time_ns()
        self._pending = 0
        self._spent: dict[str, int] = defaultdict(int)
        self._counts: dict[str, int] = defaultdict(int)

    def __call__(self, stage: str) -> None:
        """Note the time at which a stage ended."""
        now = process_time_ns()
        if stage == "detect":
            self._pending += now - self._last
        self._last = now

    def charge(self, kind: str) -> None:
        """Count a message of a kind; what was spent since the last one is its batch's."""
        self.messages += 1
        self._counts[kind] += 1
        self._spent[kind] += self._pending
        self._pending = 0

    def us(self) -> dict[str, float]:
        """Return microseconds a message by kind of mail."""
        return {
            kind: round(spent / self._counts[kind] / 1000, 1) for kind, spent in self._spent.items()
        }


def _clock() -> float:
    """Return the nanoseconds between two looks at the clock."""
    total = 0
    for _ in range(_ROUNDS):
        before = process_time_ns()
        total += process_time_ns() - before
    return total / _ROUNDS
