"""What the pipeline needs of the core, and how it asks for it: each message has its verdict."""

from collections.abc import Sequence
from typing import Protocol

from detectors.judging import Judged
from detectors.verdict import Verdict
from features.envelope import Incoming

__all__ = ["Judging", "judge_safely"]


class Judging(Protocol):
    """What the pipeline needs of the core."""

    def judge(self, batch: Sequence[Incoming]) -> list[Judged]:
        """Return one verdict a message, in order."""
        ...

    def degraded(self, incoming: Incoming, *missing: str) -> Verdict:
        """Return the verdict on a message that can't be judged; `missing` names the parts."""
        ...


def judge_safely(judge: Judging, batch: Sequence[Incoming]) -> list[Judged]:
    """Judge a batch; if that fails as a whole, its messages one by one."""
    try:
        judged = judge.judge(batch)
        if len(judged) == len(batch):
            return judged
        reason = f"judge: {len(judged)} verdicts for {len(batch)} messages"
    except Exception as error:  # noqa: BLE001 - whatever it is, each message gets its verdict
        reason = f"judge: {type(error).__name__}: {error}"
    if len(batch) == 1:
        return [Judged(judge.degraded(batch[0], "pipeline"), None, reason)]
    return [outcome for message in batch for outcome in judge_safely(judge, [message])]
