"""Attached web pages and drawings: what they do to whoever opens one."""

from typing import NamedTuple

from detectors.brands import Brands
from detectors.checks import Checks, Hit
from detectors.relations import Relations, link_target, relate
from features.attachments import attached_parts
from features.context import Context
from features.evidence import Evidence
from features.links import Link
from features.pages import Page, read_page

__all__ = ["DETECTOR"]

_PAGES = 4  # of a message that are read
_TRAITS = frozenset({"html", "svg"})


class _View(NamedTuple):
    """The first pages attached, each with whether it is a drawing."""

    parties: Relations
    pages: tuple[tuple[Page, bool], ...]

    def led(self, links: tuple[Link, ...]) -> Link | None:
        """Return the first link that leads to neither the sender nor us."""
        own = self.parties.own
        return next((link for link in links if link.domain.registrable not in own), None)


def _pages(evidence: Evidence, context: Context, brands: Brands) -> _View | None:
    if evidence.attachments.traits.isdisjoint(_TRAITS):
        return None
    parts = attached_parts(evidence.message, context.limits)
    paged = [
        (part, "svg" in attachment.traits)
        for attachment, part in zip(evidence.attachments.all, parts, strict=True)
        if attachment.traits & _TRAITS
    ][:_PAGES]
    found = [(read_page(part, evidence.headers, context.limits), drawn) for part, drawn in paged]
    return _View(relate(evidence, context, brands), tuple(found))


DETECTOR = Checks("attachments", _pages)


@DETECTOR.signal(
    "attachment_page_login", "phish", "An attached web page asks for a password: a false login."
)
def _attachment_page_login(view: _View) -> Hit | None:
    for page, _ in view.pages:
        if page.passwords:
            led = view.led(page.sends)
            if led is None:
                return Hit("An attached page asks for a password")
            target = link_target(led)
            return Hit(f"An attached page asks for a password, to {target}", {"target": target})
    return None


@DETECTOR.signal(
    "attachment_page_redirect",
    "phish",
    "An attached web page or drawing sends whoever opens it on to a stranger.",
)
def _attachment_page_redirect(view: _View) -> Hit | None:
    for page, _ in view.pages:
        led = view.led(page.moves) if page.short else None
        if led is not None:
            target = link_target(led)
            return Hit(f"An attached page sends you on to {target}", {"target": target})
    return None


@DETECTOR.signal(
    "attachment_svg_script",
    "phish",
    "An attached drawing (SVG) runs script or embeds a web page: no picture needs to.",
)
def _attachment_svg_script(view: _View) -> Hit | None:
    if any(drawn and page.active for page, drawn in view.pages):
        return Hit("An attached drawing runs a script or embeds a page")
    return None
