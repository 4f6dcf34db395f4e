"""Where the links lead, and what is done to hide it."""

import re

from detectors.brand_proof import proves
from detectors.brands import brand_of
from detectors.checks import Checks, Hit
from detectors.lookalike import likeness
from detectors.relations import Relations, leads_home, link_target, relate, shown_host
from features.domains import split_host
from features.links import Link

__all__ = ["DETECTOR"]

DETECTOR = Checks("links", relate)

_PRIVATE_ADDRESS = re.compile(  # RFC 1918
    r"(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}"
)
_CHEAP_PLACES = frozenset({"raw_storage", "free_host"})
_BESIDE_HOME = 0.5  # a club's form or a shop's photo album, next to their own site


def _with_trait(parties: Relations, trait: str) -> Link | None:
    if trait not in parties.link_traits:
        return None
    return next(link for link in parties.evidence.links.all if trait in link.traits)


@DETECTOR.signal(
    "link_text_mismatch",
    "phish",
    "The visible link shows a brand's or the sender's domain, the target is a stranger's.",
)
def _link_text_mismatch(parties: Relations) -> Hit | None:
    sender = parties.evidence.headers.from_.domain.registrable
    for link in parties.evidence.links.all:
        if not link.text_host or "mail_service" in link.traits:
            continue
        shown, target = split_host(link.text_host), link.domain.registrable
        if not shown.registrable or target in parties.own or shown.registrable == target:
            continue
        brand = brand_of(shown, parties.brands)
        if brand is None or brand is brand_of(link.domain, parties.brands):
            continue
        if shown.registrable != sender and not proves(parties.evidence, brand.name, parties.brands):
            target = link_target(link)
            reason = f"The link says {shown.registrable} and leads to {target}"
            return Hit(reason, {"shown": shown.registrable, "target": target})
    return None


@DETECTOR.signal(
    "link_shortener_only",
    "phish",
    "The only place to click is behind a URL shortener, which hides where it leads.",
)
def _link_shortener_only(parties: Relations) -> Hit | None:
    links = parties.evidence.links
    short = _with_trait(parties, "shortener")
    if short is None or links.domains & parties.own:
        return None
    others = {link.domain.registrable for link in links.all if "shortener" not in link.traits}
    if len(others) > 1:
        return None
    host = shown_host(short.host)
    return Hit(f"All it asks you to click is hidden behind {host}", {"host": host})


@DETECTOR.signal(
    "link_cloud_only",
    "phish",
    "Every link leads to raw cloud storage or a free host, none to the sender.",
)
def _link_cloud_only(parties: Relations) -> Hit | None:
    links = parties.evidence.links
    if parties.link_traits.isdisjoint(_CHEAP_PLACES) or links.domains & parties.own:
        return None
    if not all(link.traits & _CHEAP_PLACES for link in links.all):
        return None
    host = shown_host(links.all[0].host)
    # Somebody's own page has their name, as its visitors' mail has not.
    own = parties.evidence.content.is_html and not parties.stranger
    return Hit(
        f"Every link leads to rented cloud space such as {host}",
        {"host": host},
        _BESIDE_HOME if own else 1.0,
    )


@DETECTOR.signal(
    "link_storage_page",
    "phish",
    "A link opens a web page kept in raw cloud storage, where no organization keeps its site.",
)
def _link_storage_page(parties: Relations) -> Hit | None:
    link = _with_trait(parties, "storage_page")
    if link is None:
        return None
    host = shown_host(link.host)
    return Hit(f"A link opens a page in raw cloud storage at {host}", {"host": host})


@DETECTOR.signal(
    "link_opaque_path",
    "spam",
    "A link to a strange domain has one long random token as its path, as throw-away sites do.",
)
def _link_opaque_path(parties: Relations) -> Hit | None:
    if "root_blob" not in parties.link_traits:
        return None
    for link in parties.evidence.links.all:
        if (
            "root_blob" in link.traits
            and "mail_service" not in link.traits
            and link.domain.registrable not in parties.own
        ):
            reason = f"A link to {link_target(link)} has one long random word as its path"
            return Hit(reason, {"host": shown_host(link.host)})
    return None


@DETECTOR.signal("link_ip_address", "phish", "A link leads to an IP address instead of a name.")
def _link_ip_address(parties: Relations) -> Hit | None:
    link = next((it for it in parties.evidence.links.all if _public_address(it)), None)
    if link is None:
        return None
    host = shown_host(link.host)
    return Hit(f"A link leads to the bare address {host}", {"host": host})


def _public_address(link: Link) -> bool:
    """Say whether a link leads to an address out there, not to a machine in one's own network."""
    return "ip" in link.traits and not _PRIVATE_ADDRESS.fullmatch(link.host)


@DETECTOR.signal(
    "link_ip_obfuscated",
    "phish",
    "A link's IP address is written in decimal, octal or hexadecimal to hide it.",
)
def _link_ip_obfuscated(parties: Relations) -> Hit | None:
    link = _with_trait(parties, "ip_obfuscated")
    if link is None:
        return None
    host = shown_host(link.host)
    return Hit(f"A link hides the bare address {host} in another notation", {"host": host})


@DETECTOR.signal(
    "link_userinfo",
    "phish",
    "A link has text before an @ in its host part, so that it seems to lead elsewhere.",
)
def _link_userinfo(parties: Relations) -> Hit | None:
    link = _with_trait(parties, "userinfo")
    if link is None:
        return None
    target = link_target(link)
    return Hit(f"A link is written to look as if it led elsewhere than {target}", {"host": target})


@DETECTOR.signal(
    "link_punycode", "phish", "A link's host has letters beyond ASCII, where lookalikes hide."
)
def _link_punycode(parties: Relations) -> Hit | None:
    if "punycode" not in parties.link_traits:
        return None
    sender = parties.evidence.headers.from_.domain.registrable
    for link in parties.evidence.links.all:
        if "punycode" in link.traits and link.domain.registrable != sender:
            host = shown_host(link.host)
            return Hit(f"A link's host has unusual letters: {host}", {"host": host})
    return None


@DETECTOR.signal(
    "link_recipient_encoded",
    "phish",
    "A link carries the recipient's address in base64 or hexadecimal.",
)
def _link_recipient_encoded(parties: Relations) -> Hit | None:
    link = _with_trait(parties, "recipient_encoded")
    if link is None:
        return None
    target = link_target(link)
    return Hit(f"A link to {target} carries your address in disguise", {"host": target})


@DETECTOR.signal(
    "link_free_host",
    "phish",
    "A link leads to a free host, site builder or tunnel, where anyone gets a page in minutes.",
)
def _link_free_host(parties: Relations) -> Hit | None:
    if "free_host" not in parties.link_traits:
        return None
    for link in parties.evidence.links.all:
        if "free_host" in link.traits and link.domain.registrable not in parties.own:
            host = shown_host(link.host)
            strength = _BESIDE_HOME if _beside_others(parties) else 1.0
            return Hit(f"A link leads to a free page at {host}", {"host": host}, strength)
    return None


def _beside_others(parties: Relations) -> bool:
    """Say whether other links lead to the sender, or a newsletter's through a known service."""
    return leads_home(parties.evidence) or (
        parties.evidence.headers.list_unsubscribe
        and _with_trait(parties, "mail_service") is not None
    )


@DETECTOR.signal(
    "link_open_redirector", "phish", "A link passes through a site that forwards to any address."
)
def _link_open_redirector(parties: Relations) -> Hit | None:
    link = _with_trait(parties, "open_redirector")
    if link is None:
        return None
    host = shown_host(link.host)
    return Hit(f"A link hides its target behind a redirect at {host}", {"host": host})


@DETECTOR.signal(
    "link_cheap_tld",
    "spam",
    "A link leads into a top-level domain that hardly any legitimate mail links to.",
)
def _link_cheap_tld(parties: Relations) -> Hit | None:
    if "cheap_tld" not in parties.link_traits:
        return None
    for link in parties.evidence.links.all:
        if "cheap_tld" in link.traits and link.domain.registrable not in parties.own:
            target = link_target(link)
            return Hit(f"A link leads to {target}, under a throw-away ending", {"host": target})
    return None


@DETECTOR.signal(
    "link_lookalike_brand",
    "phish",
    "A link's domain resembles a brand's: confusable letters, a typing slip, added words.",
)
def _link_lookalike_brand(parties: Relations) -> Hit | None:
    for link in parties.evidence.links.all:
        if link.domain.registrable in parties.own or "mail_service" in link.traits:
            continue
        found = likeness(link.domain, parties.brands)
        if found is not None and not proves(parties.evidence, found.brand, parties.brands):
            target = link_target(link)
            reason = f"The linked domain {target} is {found.brand}'s name {found.how}"
            return Hit(reason, {"brand": found.brand, "host": target})
    return None


@DETECTOR.signal(
    "links_one_foreign_host",
    "spam",
    "All links and pictures are at one host, which is a stranger to the sender.",
)
def _links_one_foreign_host(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    links = evidence.links
    if not parties.foreign or not evidence.content.images or len(links.domains) != 1:
        return None
    host = links.all[0].host
    if not links.image_hosts <= {host} or any(link.host != host for link in links.all):
        return None
    host = shown_host(host)
    return Hit(
        f"All its links and pictures are at {host}, which isn't the sender's", {"host": host}
    )


@DETECTOR.signal(
    "link_recipient_to_script",
    "phish",
    "A link hands the recipient's address to a strange script or in the fragment of a page.",
)
def _link_recipient_to_script(parties: Relations) -> Hit | None:
    if parties.link_traits.isdisjoint(_RECIPIENT):
        return None
    for link in parties.evidence.links.all:
        if link.traits.isdisjoint(_RECIPIENT) or link.domain.registrable in parties.own:
            continue
        fragment = link.url.partition("#")[2].lower()
        clear = "recipient_clear" in link.traits
        if (
            "@" in fragment
            or "%40" in fragment
            or (not clear and len(fragment) >= _CODED)
            or (clear and link.path.endswith(".php"))
        ):
            target = link_target(link)
            return Hit(f"A link tells a page at {target} your address", {"host": target})
    return None


_RECIPIENT = frozenset({"recipient_clear", "recipient_encoded"})
_CODED = 10  # characters


@DETECTOR.signal(
    "unsubscribe_is_bait",
    "spam",
    "The link to unsubscribe leads to the very page that all others lead to.",
)
def _unsubscribe_is_bait(parties: Relations) -> Hit | None:
    links = parties.evidence.links.all
    if len(links) < 2 or any(link.url != links[0].url for link in links):
        return None
    leaving = [any(word in link.text.lower() for word in _LEAVE) for link in links]
    if all(leaving) or not any(leaving):
        return None
    target = link_target(links[0])
    return Hit(f"Even the link to unsubscribe leads to the same page at {target}", {"host": target})


_LEAVE = ("unsub", "opt out", "opt-out", "abmeld", "abbestell", "se desin", "desabon", "descadastr")
