"""Where a message leads: every link's text and target, judged without touching the network."""

from dataclasses import dataclass
from typing import NamedTuple

from features.content import Content
from features.context import Limits
from features.domains import Domain
from features.envelope import Envelope
from features.headers import Headers

__all__ = ["Link", "Links", "read_links"]


class Link(NamedTuple):
    """One web link (WHATWG-lenient http, https or scheme-relative); `url` as a browser reads it.

    `traits` name what is notable: ip, ip_obfuscated, userinfo, port, punycode, shortener,
    free_host, raw_storage, open_redirector, mail_service, storage_page, cheap_tld, new_tld,
    recipient_clear, recipient_encoded, root_blob, nested_url, executable, no_suffix.
    `text_host` is the host that the visible text shows, '' if it shows none.
    """

    url: str
    host: str
    domain: Domain
    path: str
    text: str
    text_host: str
    source: str  # "a", "area", "form", "bare", "plain"
    traits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Links:
    """All links, at most `Limits.links`. `own` are the sender's registrable domains.

    `own` holds those of From, Return-Path, Sender and Reply-To; `domains` those of all links;
    `foreign` is domains minus own minus known mail services' click hosts. `odd_schemes` counts
    targets such as data:, javascript: or hxxp.
    """

    all: tuple[Link, ...]
    domains: frozenset[str]
    own: frozenset[str]
    foreign: frozenset[str]
    image_hosts: frozenset[str]
    odd_schemes: int
    mailto: int
    dropped: int  # beyond the limit


def read_links(content: Content, headers: Headers, envelope: Envelope, limits: Limits) -> Links:
    """Read the links of HTML and text, look their hosts up in the shipped lists."""
    raise NotImplementedError
