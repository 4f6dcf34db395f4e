"""How a sender's mail fared so far, with what uncertainty remains.

A share is estimated from few cases by a beta prior around the share of the parent (address, domain,
network), and only what lies above one standard deviation below the mean counts.
"""

from math import sqrt
from typing import NamedTuple

from detectors.attachments import carries_program
from detectors.checks import Checks, Hit
from detectors.standing import Standing, stand
from detectors.wording import counted, duration

__all__ = ["DETECTOR", "Share", "share_of"]

DETECTOR = Checks("reputation", stand)

_PRIOR = 2.0  # cases that the parent's share is worth
_EVEN = 0.5
_BAD_MESSAGES = 5
_BAD_PRIOR = 0.05
_WELL_KNOWN = 300  # messages


class Share(NamedTuple):
    """A share estimated from a few cases: mean, and one standard deviation below and above it."""

    mean: float
    low: float
    high: float


def share_of(hits: float, cases: float, parent: float, weight: float = _PRIOR) -> Share:
    """Estimate a share in [0, 1] from `hits` of `cases`, drawn to the parent's share.

    Posterior of a beta distribution with mean `parent` and `weight` cases (Gelman et al.,
    "Bayesian Data Analysis", 3rd ed., 2.4). Missing numbers give missing shares.
    """
    mean = (hits + weight * parent) / (cases + weight)
    spread = sqrt(max(0.0, mean * (1 - mean) / (cases + weight + 1)))
    return Share(mean, max(0.0, mean - spread), min(1.0, mean + spread))


@DETECTOR.signal(
    "bad_record",
    "spam",
    "Most of the sender's recent messages were bad by their content, and labels don't deny it.",
)
def _bad_record(standing: Standing) -> Hit | None:
    history = standing.history
    bad, before = history["sender.bad_7d"], history["sender.messages_7d"] - 1
    if not (bad > 0 and before >= _BAD_MESSAGES) or history["sender.ham"] > history["sender.spam"]:
        return None
    around = history["network.messages_7d"]
    parent = history["network.bad_7d"] / around if around > 0 else _BAD_PRIOR
    share = share_of(min(bad, before), before, min(1.0, max(0.0, parent)))
    if not share.low > _EVEN:
        return None
    return Hit(
        f"{round(bad)} of {counted(before, 'recent message')} of {standing.parties.sender} "
        f"were bad by their content ({_percent(share)} of all)",
        {
            "from_domain": standing.parties.sender,
            "bad_7d": bad,
            "messages_7d": before,
            **_bounds(share),
        },
        min(1.0, 2 * (share.low - _EVEN)),
    )


@DETECTOR.signal(
    "good_record",
    "ham",
    "The sender is proven, known for a month or more, delivered, hardly ever bad or reported.",
)
def _good_record(standing: Standing) -> Hit | None:
    if standing.outbound or not standing.good or carries_program(standing.parties.evidence):
        return None
    history, sender = standing.history, standing.parties.sender
    age, messages = history["sender.age"], history["sender.messages"]
    return Hit(
        f"{sender} is known for {duration(age)} and {counted(messages, 'message')} without trouble",
        {"from_domain": sender, "age": age, "messages": messages},
        0.5 if messages < _WELL_KNOWN else 1.0,
    )


def _bounds(share: Share) -> dict[str, float]:
    return {"low": share.low, "high": share.high}


def _percent(share: Share) -> str:
    return f"{int(100 * share.low)} to {int(100 * share.high)} %"
