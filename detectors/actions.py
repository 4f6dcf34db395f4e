"""What can be done with a message, and logits as integers that add up exactly."""

import math
from typing import Literal

import msgspec

__all__ = ["ACTIONS", "MICRO", "Action", "Override", "logit_micro", "probability"]

Action = Literal[
    "accept", "add_header", "rewrite_subject", "quarantine", "defer", "reject", "discard"
]
ACTIONS: tuple[Action, ...] = (
    "accept",
    "add_header",
    "rewrite_subject",
    "quarantine",
    "defer",
    "reject",
    "discard",
)
MICRO = 1_000_000  # logits and contributions are integers of 1e-6, so that they add up exactly


class Override(msgspec.Struct, frozen=True):
    """A rule or list entry that decided the action whatever the score says."""

    name: str
    action: Action
    reason: str


def logit_micro(p: float) -> int:
    """Return the logit of a probability in (0, 1), in millionths; ValueError outside."""
    if not 0.0 < p < 1.0:
        raise ValueError(f"{p} is no probability strictly between 0 and 1")
    return round(MICRO * (math.log(p) - math.log1p(-p)))


def probability(logit: int) -> float:
    """Return the logistic function of a logit in millionths, rounded to 1e-6."""
    x = logit / MICRO
    # Each branch keeps exp() of a negative number: no overflow at any logit.
    p = 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
    return round(p, 6)
