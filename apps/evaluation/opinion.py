"""What a filter says of a message."""

from typing import NamedTuple

__all__ = ["Opinion"]


class Opinion(NamedTuple):
    """What a filter says of a message: a logit, and what it would do.

    `logit` is None where the message broke the filter. `score` is the probability of abuse.
    `reached` names the actions whose thresholds the score reaches. `delivered` says whether
    somebody would find it in the inbox, and could report it; `reasons` what spoke most.
    """

    logit: float | None
    score: float | None = None
    action: str = ""
    reached: frozenset[str] = frozenset()
    delivered: bool = True
    reasons: tuple[str, ...] = ()
