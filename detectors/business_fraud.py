"""Business mail fraud as far as the message alone shows it: a request, and who would be answered.

What the sender's history adds is in detectors.first_contact.
"""

from math import isnan

from detectors.brands import Brands
from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from detectors.solicitation import read_solicitation
from features.context import Context
from features.evidence import Evidence

__all__ = ["DETECTOR"]


def _asked_or_led(evidence: Evidence, context: Context, brands: Brands) -> Relations | None:
    """Return the parties where something is asked for, or answers are led elsewhere."""
    parties = relate(evidence, context, brands)
    solicited = read_solicitation(parties)
    return parties if solicited.what or solicited.elsewhere else None


DETECTOR = Checks("business", _asked_or_led)

_PARTLY = 0.5
_ADDED = "with words added"


@DETECTOR.signal(
    "gift_card_errand",
    "phish",
    "It asks for gift cards, by an answer alone, from a free mailbox or with answers elsewhere.",
)
def _gift_card_errand(parties: Relations) -> Hit | None:
    solicited = read_solicitation(parties)
    if not solicited.gift_cards or solicited.followed or parties.bulk:
        return None
    if not (solicited.free or solicited.elsewhere):
        return None
    return _hit(parties)


@DETECTOR.signal(
    "payment_answers_elsewhere",
    "phish",
    "It asks for a payment or a favour, and answers go to a free or look-alike mailbox elsewhere.",
)
def _payment_answers_elsewhere(parties: Relations) -> Hit | None:
    solicited = read_solicitation(parties)
    if not solicited.what or solicited.gift_cards or solicited.followed or parties.bulk:
        return None
    if not (solicited.elsewhere and (solicited.elsewhere_free or solicited.imitates)):
        return None
    return _hit(parties)


@DETECTOR.signal(
    "free_mail_errand",
    "phish",
    "A free mailbox asks for a payment, a payroll change or a discreet favour, without a link.",
)
def _free_mail_errand(parties: Relations) -> Hit | None:
    solicited = read_solicitation(parties)
    if not solicited.what or solicited.gift_cards or solicited.followed or parties.bulk:
        return None
    if not solicited.free or solicited.elsewhere:  # that has its own signal
        return None
    if not isnan(parties.evidence.history["pair.received"]):
        return None  # where the sender's history is known, detectors.first_contact says it by that
    return _hit(parties)


def _hit(parties: Relations) -> Hit:
    solicited = read_solicitation(parties)
    told = "; ".join(solicited.told(parties))
    inputs = {"asks_for": solicited.what, "from_domain": parties.sender}
    if solicited.elsewhere:
        inputs["reply_domain"] = solicited.elsewhere
    return Hit(f"{told[:1].upper()}{told[1:]}", inputs)


@DETECTOR.signal(
    "reply_to_lookalike",
    "phish",
    "Answers go to a domain that resembles the sender's own without being it.",
)
def _reply_to_lookalike(parties: Relations) -> Hit | None:
    solicited = read_solicitation(parties)
    if not solicited.imitates:
        return None
    return Hit(
        f"Answers go to {solicited.elsewhere}, {solicited.imitates}",
        {"reply_domain": solicited.elsewhere, "from_domain": parties.sender},
        # Departments and products have such domains of their own.
        _PARTLY if solicited.imitates.endswith(_ADDED) else 1.0,
    )
