"""What was reported of a sender or a content, and how it fared, with what uncertainty remains.

A share is estimated from few cases by a beta prior around the share of the parent (address, domain,
network), and only what lies above one standard deviation below the mean counts.
"""

from math import sqrt
from typing import Final, NamedTuple

from detectors.attachments import carries_program
from detectors.checks import Checks, Hit
from detectors.standing import Standing, stand
from detectors.wording import counted, duration, plural
from features.history import History

__all__ = ["DETECTOR", "Share", "share_of"]

DETECTOR = Checks("reputation", stand)

_PRIOR = 2.0  # cases that the parent's share is worth
_EVEN = 0.5
_REPORTS = 3
_COMPLAINTS = 0.005  # of all its messages: many readers report what they once asked for
_BAD_MESSAGES = 5
_BAD_PRIOR = 0.05
_WELL_KNOWN = 300  # messages
_CONTENTS: Final = (
    ("content", "this very content"),
    ("attachments", "an attachment of it"),
    ("links", "a domain it links to"),
)


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
    "reported_sender",
    "spam",
    "Users reported the sender's mail as abuse, more often than not and not just by chance.",
)
def _reported_sender(standing: Standing) -> Hit | None:
    history = standing.history
    if not (history["sender.spam"] >= _REPORTS or history["address.spam"] >= _REPORTS):
        return None  # nearly all mail, and the estimates below cost
    network = _reports(history, "network", _EVEN)
    domain = _reports(history, "sender", network.share.mean)
    address = _reports(history, "address", domain.share.mean)
    worst = max((domain, address), key=lambda reports: reports.share.low)
    if not worst.many or worst.share.low <= _EVEN:
        return None
    sender = standing.parties.sender
    whose = f"this address at {sender}" if worst is address else sender
    return Hit(
        f"{round(worst.spam)} of {plural(round(worst.spam + worst.ham), 'report')} on {whose} "
        f"say abuse (with what is uncertain, {_percent(worst.share)})",
        {"from_domain": sender, "spam": worst.spam, "ham": worst.ham, **_bounds(worst.share)},
        2 * (worst.share.low - _EVEN),
    )


class _Reports(NamedTuple):
    """Labels of one entity, what share of its mail is abuse by them, whether they are many."""

    spam: float
    ham: float
    share: Share
    many: bool


def _reports(history: History, what: str, parent: float) -> _Reports:
    """Return an entity's labels; one that wasn't read has none, and its parent's share."""
    spam, ham = history[f"{what}.spam"], history[f"{what}.ham"]
    if not spam + ham > 0:
        return _Reports(0.0, 0.0, Share(parent, 0.0, 1.0), many=False)
    few = what == "network" or not spam >= _COMPLAINTS * history[f"{what}.messages"]
    share = share_of(spam, spam + ham, parent)
    return _Reports(spam, ham, share, many=spam >= _REPORTS and not few)


def _bounds(share: Share) -> dict[str, float]:
    return {"low": share.low, "high": share.high}


def _percent(share: Share) -> str:
    return f"{int(100 * share.low)} to {int(100 * share.high)} %"


@DETECTOR.signal(
    "reported_content",
    "spam",
    "Users reported mail with the same content, attachment or linked domain, and none wanted it.",
)
def _reported_content(standing: Standing) -> Hit | None:
    history = standing.history
    for what, words in _CONTENTS:
        spam = history[f"{what}.spam"]
        ham = 0.0 if what == "attachments" else history[f"{what}.ham"]
        if spam >= _REPORTS and ham == 0:
            share = share_of(spam, spam, _EVEN)
            return Hit(
                f"{plural(round(spam), 'report')} call {words} abuse, and nobody wanted it",
                {"what": what, "spam": spam, "low": share.low},
                2 * (share.low - _EVEN),
            )
    return None


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
