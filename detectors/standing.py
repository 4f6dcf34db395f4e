"""What a message's readings say of its sender on the whole: young, proven, of good record."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from detectors.brands import SHIPPED, Brands
from detectors.hearsay import hearsay
from detectors.relations import Relations, relate
from features.context import Context
from features.evidence import Evidence
from features.history import History

__all__ = ["DAY", "HOUR", "Standing", "is_proven", "stand"]

HOUR: Final = 3_600.0
DAY: Final = 86_400.0
_YOUNG = 3 * DAY
_LONG = 30 * DAY
_MANY = 30  # messages
_FEW_BAD = 0.02
_MOST_DELIVERED = 0.8
_FEW_REPORTS = 0.001
_WITNESSES: Final = ("network.age", "ip.age", "helo.age", "links.youngest", "content.age")


@dataclass(frozen=True, slots=True)
class Standing:
    """The message's parties with its history, and what several checks conclude from that.

    `proven`: DKIM or SPF proves From's own domain, so that the readings are of the one named.
    `recent`: first seen less than three days ago. `young`: that, by a state that had been watching
    for three days before. `good`: proven, seen for long and often, nearly
    all delivered, hardly any bad or reported. A missing reading makes each of them False.
    """

    parties: Relations
    history: History
    outbound: bool
    proven: bool
    recent: bool
    young: bool
    good: bool

    @property
    def witnessed(self) -> float:
        """For how long (seconds) something that this message uses has been known, 0 if nothing."""
        return max((age for name in _WITNESSES if (age := self.history[name]) > 0), default=0.0)

    @property
    def watched(self) -> float:
        """For how long (seconds) mail has been watched, as far as it can be told."""
        return max(self.witnessed, self.history.watched if self.history.watched > 0 else 0.0)

    @property
    def stranger(self) -> bool:
        """Whether this is the first contact: neither side ever wrote to the other before."""
        history = self.history
        written = history["pair.received"] <= 1 and history["pair.known"] == 0
        return written and history["thread.answers"] != 1 and not self.outbound

    @property
    def mass(self) -> bool:
        """Whether it says that it is mass mail, with a way out, in a proven domain's name."""
        return self.proven and self.parties.evidence.headers.list_unsubscribe


@lru_cache(maxsize=1)
def stand(evidence: Evidence, context: Context, brands: Brands = SHIPPED) -> Standing:
    """Work the standing out, once a message for all detectors that read it."""
    history = evidence.history
    age = history["sender.age"]
    proven = is_proven(evidence)
    return Standing(
        parties=relate(evidence, context, brands),
        history=history,
        outbound=evidence.envelope.direction == "outbound",
        proven=proven,
        recent=age < _YOUNG,
        # In a new state everybody is new. Where nobody knows for how long it has watched, it has.
        young=age < _YOUNG and not history.watched - age < _YOUNG,
        good=proven and _good(history, evidence.touches.at),
    )


def is_proven(evidence: Evidence) -> bool:
    """Say whether DKIM or SPF proves From's own domain, and the readings are of that one."""
    return evidence.authentication.aligned is True and evidence.history["sender.proven"] == 1


def _good(history: History, at: float) -> bool:
    messages, before = history["sender.messages"], history["sender.messages_7d"] - 1
    abuse = history["sender.spam"] + _complained(history, at)
    labels_speak_well = abuse <= _FEW_REPORTS * messages or history["sender.ham"] > 10 * abuse
    return (
        history["sender.age"] >= _LONG
        and messages >= _MANY
        and history["sender.inbox_7d"] >= _MOST_DELIVERED * before
        and history["sender.bad_7d"] <= _FEW_BAD * max(before, 1.0)
        and labels_speak_well
    )


def _complained(history: History, at: float) -> int:
    """Return how many people reported the sender's mail, 0 where they are too few to be heard."""
    heard = hearsay(history, "domain", at, joined=True)
    people = max((it.people for it in heard), default=0)
    return people if people >= history.hearing.reporters else 0
