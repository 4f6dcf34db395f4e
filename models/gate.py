"""The gate before learned steps are published: has mail known to be honest moved toward abuse?

Counting the errors of a few hundred labels can't tell a good model from a bad one. What can: the
shift of stored honest mail, which needs no new labels at all and shows a poisoned sender by itself.
It is measured against what is published now, and against what was said of each message when it
came to be known, so that many small steps don't pass where one large one wouldn't.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import exp, log1p
from typing import Final, NamedTuple

__all__ = ["LIMITS", "Limits", "Measured", "Moved", "closed", "measure"]

_FEWEST: Final = 12  # known ham below which its mean says nothing
_OF_SENDER: Final = 10
_GROWTH: Final = 1.25  # of the mean loss of known ham
_FLOOR: Final = 0.005  # nats; below it losses are too small to compare
_VERDICTS: Final = 100  # verdicts below which a share of flips says nothing


class Moved(NamedTuple):
    """A known honest message: logits of abuse as published, as learned now, and as first known."""

    sender: str
    published: float
    now: float
    anchor: float


class Limits(NamedTuple):
    """How far known ham may move: on the whole, by sender (logits), and the share of flips.

    Against the anchors twice as much is allowed: much was published since, each time within.
    `threshold` is the logit from which a message is treated as abuse.
    """

    shift: float = 0.3
    sender: float = 0.5
    flips: float = 0.01
    threshold: float = 2.0


LIMITS: Final = Limits()


class Measured(NamedTuple):
    """What the gate saw.

    `shift` and `drift` are mean moves against published and anchor, `worst` and `sender` the
    largest mean move of a sender and whose; `loss` and `before` the mean softplus(z - threshold)
    now and as published; `flips` of `verdicts` changed their action.
    """

    ham: int = 0
    shift: float = 0.0
    drift: float = 0.0
    worst: float = 0.0
    sender: str = ""
    sender_drift: float = 0.0
    loss: float = 0.0
    before: float = 0.0
    flips: int = 0
    verdicts: int = 0


def measure(known: Sequence[Moved], flips: int, verdicts: int, limits: Limits = LIMITS) -> Measured:
    """Return how far known ham has moved; `flips` of `verdicts` would change their action."""
    if not known:
        return Measured(flips=flips, verdicts=verdicts)
    count = len(known)
    by_sender: dict[str, list[Moved]] = defaultdict(list)
    for message in known:
        by_sender[message.sender].append(message)
    senders = {
        name: (_mean([m.now - m.published for m in own]), _mean([m.now - m.anchor for m in own]))
        for name, own in by_sender.items()
        if name and len(own) >= _OF_SENDER
    }
    sender = max(senders, key=lambda name: (senders[name][0], name), default="")
    return Measured(
        ham=count,
        shift=_mean([m.now - m.published for m in known]),
        drift=_mean([m.now - m.anchor for m in known]),
        worst=senders[sender][0] if sender else 0.0,
        sender=sender,
        sender_drift=max((drift for _, drift in senders.values()), default=0.0),
        loss=_mean([_softplus(m.now - limits.threshold) for m in known]),
        before=_mean([_softplus(m.published - limits.threshold) for m in known]),
        flips=flips,
        verdicts=verdicts,
    )


def closed(found: Measured, limits: Limits = LIMITS) -> str:
    """Return why steps are held back, in one line; '' where the gate is open."""
    return next(_complaints(found, limits), "")


def _complaints(found: Measured, limits: Limits) -> Iterator[str]:
    if found.ham >= _FEWEST:
        if found.shift > limits.shift:
            yield _line("known ham moved", found.shift, limits.shift)
        if found.drift > 2 * limits.shift:
            yield _line("known ham moved since it was kept", found.drift, 2 * limits.shift)
        if found.loss > _GROWTH * found.before + _FLOOR:
            yield (
                f"loss on known ham grew from {found.before:.4f} to {found.loss:.4f} nats; "
                f"allowed: {_GROWTH:g} times"
            )
    if found.worst > limits.sender:
        yield _line(f"known ham of {found.sender} moved", found.worst, limits.sender)
    if found.sender_drift > 2 * limits.sender:
        yield _line(
            "known ham of a sender moved since it was kept", found.sender_drift, 2 * limits.sender
        )
    if found.verdicts >= _VERDICTS and found.flips > limits.flips * found.verdicts:
        yield (
            f"{found.flips} of the last {found.verdicts} verdicts would change their action; "
            f"allowed: {100 * limits.flips:g} %"
        )


def _line(what: str, found: float, allowed: float) -> str:
    return f"{what} by {found:+.2f} logits toward abuse; allowed: {allowed:g}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _softplus(value: float) -> float:
    """Return ln(1 + e^value), without overflow."""
    return max(value, 0.0) + log1p(exp(-abs(value)))
