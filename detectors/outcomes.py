"""What a verdict says of a message's outcome: the part of the state that is known after judging.

All is read from the verdict itself, so that a message that is delivered again, and answered from
its record, adds what it added the first time.
"""

from base64 import b64decode
from typing import Final

import numpy as np

from detectors.verdict import Verdict
from features.columns.sender_columns import COLUMNS
from features.history import UNKNOWN, History
from features.rolling import Increment
from features.sender import Touches, outcome
from features.vector import SCHEMA

__all__ = [
    "STATE_GROUPS",
    "STATE_SIGNALS",
    "bad_by_content",
    "is_delivered",
    "outcome_of",
    "recorded_history",
]

STATE_GROUPS: Final = frozenset(
    {"velocity", "novelty", "correspondents", "strangers", "reputation", "reports", "vouched"}
)
"""Groups of signals that read what is kept of senders."""
STATE_SIGNALS: Final = frozenset({"learned_counts", "learned_behaviour"})
"""Signals of the models that read it."""


def bad_by_content(verdict: Verdict) -> bool:
    """Tell whether what the message itself shows is enough for abuse: more than even odds.

    Without what is kept of its sender, so that a bad name can't feed on itself, and without lists
    and rules. A message that broke the pipeline isn't bad.
    """
    if verdict.logit is None:
        return False
    return (
        verdict.bias
        + sum(
            signal.contribution
            for signal in verdict.signals
            if signal.group not in STATE_GROUPS and signal.name not in STATE_SIGNALS
        )
        > 0
    )


def is_delivered(verdict: Verdict) -> bool:
    """Tell whether the message went to an inbox of ours as far as the verdict decides it."""
    return verdict.direction == "inbound" and verdict.action in {"accept", "add_header"}


def recorded_history(verdict: Verdict) -> History:
    """Return the sender numbers that the verdict was made with; unknown under another schema."""
    if verdict.features.schema != SCHEMA.digest or not verdict.features.f32:
        return UNKNOWN
    vector = np.frombuffer(b64decode(verdict.features.f32), dtype="<f4")
    if len(vector) != len(SCHEMA.features):
        return UNKNOWN
    return History(vector[-len(COLUMNS) :].astype(np.float32))


def outcome_of(touches: Touches, verdict: Verdict, *, split: bool = False) -> tuple[Increment, ...]:
    """Return what a message adds to the state now that it is judged.

    `split`: a copy for other recipients of a message that was counted; only they are new.
    """
    return outcome(
        touches,
        recorded_history(verdict),
        delivered=is_delivered(verdict) and not split,
        bad=bad_by_content(verdict) and not split,
    )
