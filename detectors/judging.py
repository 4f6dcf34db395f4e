"""The core in one piece: incoming messages to verdicts, values in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.verdict import Verdict
from features.context import Context
from features.envelope import Incoming
from features.evidence import Evidence

__all__ = ["Judge", "Judged"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the evidence it rests on, and CPU-free stage counts for the caller's metrics."""

    verdict: Verdict
    evidence: Evidence | None


class Judge:
    """Judges batches with one set of models, one policy set and one context.

    `judge` never raises for a message: what breaks on one is a degraded verdict for that one.
    """

    def __init__(self, context: Context) -> None:
        raise NotImplementedError

    def judge(self, batch: Sequence[Incoming]) -> list[Judged]:
        """Return one verdict a message, in order."""
        raise NotImplementedError
