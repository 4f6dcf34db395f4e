"""Honest things around a lure: links to the sender's front page, a known service's envelope."""

import re
from typing import Final

from detectors.brand_proof import proven_brand
from detectors.brands import brand_of
from detectors.checks import Checks, Hit
from detectors.relations import Relations, link_target, relate
from detectors.strange_links import BAIT, kinds_of
from detectors.telephones import has_telephone
from features.links import Link

__all__ = ["DETECTOR"]

DETECTOR = Checks("combinations", relate)

_BEGINNING = 4_000  # characters in which a telephone number is looked for
_STEM = 4  # letters
_MONEY = re.compile(r"[$€£] ?\d|\d ?(?:usd|eur|gbp|€|\$|£)")
# Services that send in their own name what any customer typed into a form.
_RELAYS: Final = frozenset(
    (
        "adobe.com", "adobesign.com", "appsheet.com", "atlassian.net", "box.com", "canva.com",
        "docusign.com", "docusign.net", "dropbox.com", "evernote.com", "figma.com",
        "freshbooks.com", "github.com", "google.com", "hellosign.com", "hubspot.com", "intuit.com",
        "jotform.com", "microsoft.com", "notion.so", "pandadoc.com", "paypal.com",
        "sharepointonline.com", "square.com", "squareup.com", "stripe.com", "trello.com",
        "typeform.com", "wetransfer.com", "xero.com", "zoho.com", "zoom.us",
    )
)  # fmt: skip


@DETECTOR.signal(
    "stranger_links_beside_home",
    "phish",
    "It lures, what is to be clicked leads to strangers, and links home reach a front page alone.",
)
def _stranger_links_beside_home(parties: Relations) -> Hit | None:
    if not parties.evidence.content.is_html or parties.conversation or parties.foreign:
        return None
    home, strange = _parted(parties)
    pictured = any(image.linked for image in parties.evidence.content.images)
    if not home or not strange or not all(_is_decoy(link, pictured=pictured) for link in home):
        return None
    if len({link.domain.registrable for link in strange}) > 1:  # a digest of the news
        return None
    if not kinds_of(parties, ("credentials", *BAIT)):
        return None
    brand = brand_of(parties.evidence.headers.from_.domain, parties.brands)
    if (brand and proven_brand(parties.evidence, parties.brands)) or _related(parties, strange):
        return None
    target = link_target(strange[0])
    reason = f"It lures to {target}; its links home reach no more than a front page"
    return Hit(reason, {"target": target, "from_domain": parties.sender})


def _parted(parties: Relations) -> tuple[list[Link], list[Link]]:
    """Return the links home, and those to strangers; mail services' are neither."""
    home: list[Link] = []
    strange: list[Link] = []
    for link in parties.evidence.links.all:
        if link.domain.registrable in parties.own:
            home.append(link)
        elif _may_lure(parties, link):
            strange.append(link)
    return home, strange


def _may_lure(parties: Relations, link: Link) -> bool:
    """Say whether a link may be the lure: social media aren't, a page on a free host is."""
    if not link.domain.registrable or "mail_service" in link.traits:
        return False
    return "free_host" in link.traits or brand_of(link.domain, parties.brands) is None


def _is_decoy(link: Link, *, pictured: bool) -> bool:
    """Say whether a link is one that anybody can add: to no page of its own, or not to be seen.

    `pictured`: a link of the message is around a picture, so that one without text may be seen.
    """
    unseen = link.source == "a" and not link.text and not pictured
    return unseen or (link.path in {"", "/"} and "?" not in link.url)


def _related(parties: Relations, strange: list[Link]) -> bool:
    headers = parties.evidence.headers
    name = "" if parties.strange_claims else "".join(headers.display_words)
    for link in strange:
        label = link.domain.label
        short, long = sorted((label, headers.from_.domain.label), key=len)
        if len(short) >= _STEM and (short in long or (len(label) >= _STEM and label in name)):
            return True
    return False


@DETECTOR.signal(
    "relayed_callback",
    "phish",
    "A known service's notification carries an amount and a number to call: anyone can fill it in.",
)
def _relayed_callback(parties: Relations) -> Hit | None:
    domain = parties.evidence.headers.from_.domain.registrable
    if domain not in _RELAYS or not kinds_of(parties, ("callback",)):
        return None
    start = parties.evidence.content.folded[:_BEGINNING]
    if not has_telephone(start) or not _MONEY.search(start):
        return None
    reason = f"A note sent through {domain} tells of a charge and wants to be called"
    return Hit(reason, {"from_domain": domain})
