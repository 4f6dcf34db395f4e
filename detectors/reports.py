"""What people said of mail that shares something with this message, within seconds of their saying.

One report proves nothing. So many distinct people as the policy asks for do, or one analyst or
trap, unless somebody trusted says that mail with the same is wanted. What half of the world shares,
a shortener's domain or a logo, is judged by the share of its mail that was reported.
"""

from dataclasses import replace
from math import log
from typing import Final, NamedTuple

from detectors.brands import SHIPPED, Brands, brand_of
from detectors.checks import Checks, Hit
from detectors.hearsay import Hearsay, hearsay
from detectors.standing import DAY, Standing, stand
from features.context import Context
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import host_traits, is_freemail

__all__ = ["DETECTOR"]

_SETTLED = 3 * DAY
_MOSTLY = 0.05  # of all messages that share a thing, reported: then it isn't common but bad
_ANYBODYS: Final = frozenset(
    {"shortener", "free_host", "raw_storage", "content_network", "mail_service"}
)
_SURE = 0.1  # complaints for each message delivered, from which a sender's strength is full
_LEAST = 0.3


class Said(NamedTuple):
    """The message's parties and history, and its time (s)."""

    standing: Standing
    at: float
    brands: Brands


def _prepare(evidence: Evidence, context: Context, brands: Brands = SHIPPED) -> Said | None:
    """Return what the checks read; None where nobody reported anything, as for nearly all mail."""
    if not evidence.history.reported:
        return None
    return Said(stand(evidence, context, brands), evidence.touches.at, brands)


DETECTOR = Checks("reports", _prepare)


@DETECTOR.signal(
    "reported_content",
    "spam",
    "Enough people, an analyst or a trap reported mail with the same content as abuse.",
)
def _reported_content(said: Said) -> Hit | None:
    heard = _worst(hearsay(said.standing.history, "content", said.at, joined=True))
    if heard is None or _outweighed(said, heard):
        return None
    if heard.settled >= _SETTLED and _is_seldom(heard):  # a notice that comes in the same words
        return None
    return Hit(f"Reported by {heard.who()}: mail with this content", heard.inputs("content"))


@DETECTOR.signal(
    "reported_attachment",
    "spam",
    "Enough people, an analyst or a trap reported mail with the same attachment as abuse.",
)
def _reported_attachment(said: Said) -> Hit | None:
    told = hearsay(said.standing.history, "attachment", said.at)
    heard = _worst([it for it in told if not _is_common(said, it)])
    if heard is None or _outweighed(said, heard):
        return None
    return Hit(f"Reported by {heard.who()}: mail with this attachment", heard.inputs("attachment"))


@DETECTOR.signal(
    "reported_link",
    "spam",
    "Enough people, an analyst or a trap reported mail that links to the same domain as abuse.",
)
def _reported_link(said: Said) -> Hit | None:
    told = hearsay(said.standing.history, "link", said.at)
    heard = _worst([it for it in told if not _is_common(said, it) and not _is_anybodys(said, it)])
    if heard is None or _outweighed(said, heard):
        return None
    domain = _linked(heard)
    return Hit(
        f"Reported by {heard.who()}: mail that links to {domain}",
        {**heard.inputs("link"), "domain": domain},
    )


@DETECTOR.signal(
    "reported_sender",
    "spam",
    "Enough people, an analyst or a trap reported much of what this proven sender delivered.",
)
def _reported_sender(said: Said) -> Hit | None:
    history = said.standing.history
    heard = _worst(hearsay(history, "domain", said.at, joined=True))
    # Who writes with a sender knows better than others whether to hear of them.
    if heard is None or not said.standing.proven or history["pair.known"] > 0:
        return None
    if _outweighed(said, heard) or _is_vouched(said, heard, "sender"):
        return None
    sender = said.standing.parties.sender
    hit = _complaints(heard, history["sender.inbox_7d"], "sender", f"mail of {sender}")
    return hit and replace(hit, inputs={**hit.inputs, "from_domain": sender})


@DETECTOR.signal(
    "reported_network",
    "spam",
    "Enough people, an analyst or a trap reported much of what came from the client's network.",
)
def _reported_network(said: Said) -> Hit | None:
    history = said.standing.history
    heard = _worst(hearsay(history, "network", said.at, joined=True))
    if heard is None or said.standing.good or history["pair.known"] > 0:
        return None
    if _is_vouched(said, heard, "network"):
        return None
    return _complaints(heard, history["network.inbox_7d"], "network", "mail from this network")


def _worst(heard: list[Hearsay]) -> Hearsay | None:
    """Return what says most among that of which enough was said; None where nothing is."""
    return max((it for it in heard if it.enough), key=_weight, default=None)


def _weight(heard: Hearsay) -> tuple[bool, int]:
    return heard.weight


def _is_common(said: Said, heard: Hearsay) -> bool:
    """Say whether honest mail shares a link or file: hardly reported, and not surely new.

    In a new state everything is new, and the domain that all mail links to as well.
    """
    watched_before = said.standing.history.watched - heard.age
    new = heard.settled < _SETTLED and not watched_before < _SETTLED
    return not new and _is_seldom(heard)


def _is_seldom(heard: Hearsay) -> bool:
    return len(heard.against) < _MOSTLY * heard.messages


def _is_anybodys(said: Said, heard: Hearsay) -> bool:
    """Say whether a domain linked to is a service's, a brand's, or the organization's own."""
    domain = _linked(heard)
    parties = said.standing.parties
    return (
        not host_traits(domain).isdisjoint(_ANYBODYS)
        or is_freemail(domain)
        or domain in parties.organizations
        or domain in said.brands.own_domains
        or brand_of(split_host(domain), said.brands) is not None
    )


def _linked(heard: Hearsay) -> str:
    return heard.names[0].partition(":")[2]


def _outweighed(said: Said, heard: Hearsay) -> bool:
    """Say whether reports are too few against a good sender's delivered mail.

    0.3 % of delivered mail is where large receivers see a sender in trouble (Google's "Email
    sender guidelines", 2024: stay below 0.1 %, never reach 0.3 %). A trap is one voice among them:
    anybody can subscribe it to honest mail.
    """
    if heard.analysts or not said.standing.good:
        return False
    delivered = said.standing.history["sender.inbox_7d"]
    return heard.people + heard.trusted < max(
        heard.hearing.reporters, heard.hearing.rate * delivered
    )


def _is_vouched(said: Said, heard: Hearsay, what: str) -> bool:
    """Say whether labels call more of its mail wanted than abuse, and people alone say otherwise.

    Reports are kept for a while and not all; labels of those who are trusted count on, and only
    theirs do (models.hearing.Voice.counted).
    """
    history = said.standing.history
    return not heard.trusted and history[f"{what}.ham"] > history[f"{what}.spam"]


def _complaints(heard: Hearsay, inbox: float, what: str, words: str) -> Hit | None:
    """Weigh reports against what was delivered; both of the same half-life of 7 days."""
    reported = sum(2.0 ** (-max(0.0, heard.at - it.at) / (7 * DAY)) for it in heard.against)
    delivered = max(inbox if inbox > 0 else 0.0, reported)
    rate = reported / delivered
    least = heard.hearing.rate
    if not rate >= least:
        return None
    rise = log(rate / least) / log(_SURE / least) if 0 < least < _SURE else 1.0
    percent = f"{100 * rate:.2g}"
    return Hit(
        f"Reported by {heard.who()}: {words} ({percent} % of what was delivered)",
        {
            **heard.inputs(what),
            "percent": float(percent),
            "reported": reported,
            "delivered": delivered,
        },
        min(1.0, _LEAST + (1 - _LEAST) * rise),
    )
