"""Business mail fraud as far as the message alone shows it: a request, and who would be answered.

What the sender's history adds is in detectors.strangers.
"""

from detectors.brands import Brands
from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from detectors.requests import read_request
from features.context import Context
from features.evidence import Evidence

__all__ = ["DETECTOR"]


def _asked_or_led(evidence: Evidence, context: Context, brands: Brands) -> Relations | None:
    """Return the parties where something is asked for, or answers are led elsewhere."""
    parties = relate(evidence, context, brands)
    request = read_request(parties)
    return parties if request.what or request.elsewhere else None


DETECTOR = Checks("business", _asked_or_led)

_PARTLY = 0.5
_ADDED = "with words added"


@DETECTOR.signal(
    "gift_card_errand",
    "phish",
    "It asks for gift cards, by an answer alone, from a free mailbox or with answers elsewhere.",
)
def _gift_card_errand(parties: Relations) -> Hit | None:
    request = read_request(parties)
    if not request.gift_cards or request.followed or parties.bulk:
        return None
    if not (request.free or request.elsewhere):
        return None
    return _hit(parties)


@DETECTOR.signal(
    "payment_answers_elsewhere",
    "phish",
    "It asks for a payment or a favour, and answers go to a free or look-alike mailbox elsewhere.",
)
def _payment_answers_elsewhere(parties: Relations) -> Hit | None:
    request = read_request(parties)
    if not request.what or request.gift_cards or request.followed or parties.bulk:
        return None
    if not (request.elsewhere and (request.elsewhere_free or request.imitates)):
        return None
    return _hit(parties)


@DETECTOR.signal(
    "free_mail_errand",
    "phish",
    "A free mailbox asks for a payment, a payroll change or a discreet favour, without a link.",
)
def _free_mail_errand(parties: Relations) -> Hit | None:
    request = read_request(parties)
    if not request.what or request.gift_cards or request.followed or parties.bulk:
        return None
    if not request.free or request.elsewhere:  # that has its own signal
        return None
    return _hit(parties)


def _hit(parties: Relations) -> Hit:
    request = read_request(parties)
    told = "; ".join(request.told(parties))
    inputs = {"asks_for": request.what, "from_domain": parties.sender}
    if request.elsewhere:
        inputs["reply_domain"] = request.elsewhere
    return Hit(f"{told[:1].upper()}{told[1:]}", inputs)


@DETECTOR.signal(
    "reply_to_lookalike",
    "phish",
    "Answers go to a domain that resembles the sender's own without being it.",
)
def _reply_to_lookalike(parties: Relations) -> Hit | None:
    request = read_request(parties)
    if not request.imitates:
        return None
    return Hit(
        f"Answers go to {request.elsewhere}, {request.imitates}",
        {"reply_domain": request.elsewhere, "from_domain": parties.sender},
        # Departments and products have such domains of their own.
        _PARTLY if request.imitates.endswith(_ADDED) else 1.0,
    )
