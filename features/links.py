"""Where a message leads: every link's text and target, judged without touching the network."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import msgspec

from features.content import Anchor, Content
from features.context import Limits
from features.data_files import read_data
from features.domains import Domain, split_host
from features.envelope import Envelope
from features.headers import Headers
from features.hosts import host_traits, is_open_redirector
from features.recipient_marks import RECIPIENTS, RecipientMarks, recipient_marks
from features.urls import Url, find_urls, read_host, read_url

__all__ = ["Link", "Links", "read_links", "read_targets"]

_DOWNLOADS: Final = frozenset(read_data("file_extensions")["download"])
_FILE_LIKE: Final = frozenset({"ai", "app", "cc", "md", "mov", "pl", "ps", "py", "rs", "sh", "zip"})
_ODD_SCHEMES: Final = ("data:", "javascript:", "vbscript:", "blob:", "file:", "hxxp", "htp", "ttp")
_BARE_CHARS = 20_000  # of HTML's visible text: below it stands what few people read
_SHOWN_CHARS = 300
_HREF_CHARS = 4_096
_NONE: Final[frozenset[str]] = frozenset()
_BLOB_CHARS = 40
_BLOB = re.compile(rf"[A-Za-z0-9+_=-]{{{_BLOB_CHARS},}}")
_BLOB_SLASHES = 4
_NESTED = re.compile(r"https?:[/\\]+([a-z0-9.-]+)")


class Link(msgspec.Struct, frozen=True, gc=False):
    """One web link (WHATWG-lenient http, https or scheme-relative); `url` as a browser reads it.

    `traits` name what is notable: ip, ip_obfuscated, userinfo, slashes, port, punycode,
    shortener, free_host, raw_storage, content_network, open_redirector, mail_service,
    storage_page (a page in raw storage), cheap_tld, new_tld, recipient_clear (unless it is a link
    to unsubscribe), recipient_encoded, root_blob (the path is one random token), nested_url
    (another domain's address inside), executable, no_suffix.
    `text_host` is the host that the visible text shows, '' if it shows none.
    """

    url: str
    host: str
    domain: Domain
    path: str
    text: str
    text_host: str
    # "a", "area", "form", "refresh", "bare" (visible text of HTML), "plain"; elsewhere than in the
    # body "pdf", "image", "office", "code", "page"
    source: str
    traits: frozenset[str]


class Links(msgspec.Struct, frozen=True, gc=False):
    """All links, at most `Limits.links`. `own` are the sender's registrable domains.

    `own` holds those of From, Return-Path, Sender and Reply-To; `domains` those of all links;
    `foreign` is domains minus own minus known mail services' click hosts. `odd_schemes` counts
    targets such as data:, javascript: or hxxp, and web addresses with wrong slashes.
    """

    all: tuple[Link, ...]
    domains: frozenset[str]
    own: frozenset[str]
    foreign: frozenset[str]
    image_hosts: frozenset[str]
    odd_schemes: int
    mailto: int
    dropped: int  # beyond the limit


def read_links(content: Content, headers: Headers, envelope: Envelope, limits: Limits) -> Links:  # noqa: ARG001 - one signature for all readers
    """Read the links of HTML and text, look their hosts up in the shipped lists; never raises."""
    anchors = (*content.anchors, *_bare_anchors(content))
    own = _own(headers)
    if not anchors:
        return Links((), _NONE, own, _NONE, _image_hosts(content, limits.links), 0, 0, 0)
    kept = _chosen(anchors, limits.links)
    known = recipient_marks(headers.recipients[:RECIPIENTS])
    marks = known if known.occur_in("\n".join([anchor.href for anchor in kept])) else None
    base = content.base[:_HREF_CHARS]
    found: list[Link] = []
    registrable: set[str] = set()
    services: set[str] = set()
    odd_schemes = mailto = 0
    for anchor in kept:
        target = _judge_target(anchor.href[:_HREF_CHARS], base)
        if target is not None:
            found.append(_read(anchor, target, marks))
            registrable.add(target.domain.registrable)
            if "mail_service" in target.traits:
                services.add(target.domain.registrable)
            odd_schemes += "slashes" in target.traits
        start = anchor.href[:12].lower()
        odd_schemes += start.startswith(_ODD_SCHEMES)
        mailto += start.startswith("mailto:")
    registrable.discard("")
    domains = frozenset(registrable)
    return Links(
        all=tuple(found),
        domains=domains,
        own=own,
        foreign=domains - own - services,
        image_hosts=_image_hosts(content, limits.links),
        odd_schemes=odd_schemes,
        mailto=mailto,
        dropped=len(anchors) - len(kept),
    )


def read_targets(targets: Sequence[str], source: str, headers: Headers) -> tuple[Link, ...]:
    """Read addresses that stand elsewhere than in the body as its links are; others are left out.

    `source` says where they stand.
    """
    if not targets:
        return ()
    marks = recipient_marks(headers.recipients[:RECIPIENTS])
    found = []
    for href in targets:
        target = _judge_target(href[:_HREF_CHARS], "")
        if target is not None:
            found.append(_read(Anchor(href, "", "", source), target, marks))
    return tuple(found)


def _chosen(anchors: Sequence[Anchor], limit: int) -> Sequence[Anchor]:
    """Return at most `limit` links: beyond it each target once, the first and the last of them."""
    if len(anchors) <= limit:
        return anchors
    once = list({anchor.href: anchor for anchor in reversed(anchors)}.values())[::-1]
    if len(once) <= limit:
        return once
    return once[: limit - limit // 2] + once[len(once) - limit // 2 :]


def _bare_anchors(content: Content) -> list[Anchor]:
    if not content.is_html:
        return [Anchor(url, "", "", "plain") for url in find_urls(content.text)]
    urls = find_urls(content.text[:_BARE_CHARS])
    if not urls:
        return []
    inside = "\n".join([anchor.text for anchor in content.anchors])
    return [Anchor(url, "", "", "bare") for url in urls if url not in inside]


def _own(headers: Headers) -> frozenset[str]:
    senders = (headers.from_, headers.return_path, headers.sender, *headers.reply_to)
    return frozenset([sender.domain.registrable for sender in senders]) - {""}


def _image_hosts(content: Content, limit: int) -> frozenset[str]:
    if not content.images:
        return _NONE
    starts = {_origin(image.src) for image in content.images[:limit]}
    base = content.base[:_HREF_CHARS]
    targets = [_judge_target(start, base) for start in starts]
    return frozenset([target.url.host for target in targets if target is not None])


def _origin(address: str) -> str:
    """Cut an absolute address after its host: pictures of one host are then read once."""
    end = address.find("/", 8) if address[:8].lower().startswith(("http://", "https://")) else -1
    return address[: min(end, _HREF_CHARS)] if end > 0 else address[:_SHOWN_CHARS]


class _Target(msgspec.Struct, frozen=True, gc=False):
    """What can be said of a target alone, whoever sent it to whom."""

    url: Url
    domain: Domain
    traits: frozenset[str]


@lru_cache(maxsize=4_096)
def _judge_target(target: str, base: str) -> _Target | None:
    url = read_url(target, base)
    if url is None:
        return None
    host = url.host
    domain = split_host(host)
    traits = {*url.faults, *host_traits(host)}
    if url.port:
        traits.add("port")
    if not domain.registrable and "ip" not in traits:
        traits.add("no_suffix")
    path = url.path
    if len(path) > 1:
        _add_path_traits(traits, host, path)
    tail = url.text[len(url.scheme) + 3 + len(host) :]
    if "raw_storage" in traits and "content_network" not in traits and _is_page(path, tail):
        traits.add("storage_page")
    if "http" in tail and _nests_url(tail, domain.registrable):
        traits.add("nested_url")
    return _Target(url, domain, frozenset(traits))


def _read(anchor: Anchor, target: _Target, marks: RecipientMarks | None) -> Link:
    url, traits = target.url, target.traits
    if marks is not None:
        traits |= marks.traits(url.text, f"{anchor.text} {anchor.alt}")
    return Link(
        url=url.text,
        host=url.host,
        domain=target.domain,
        path=url.path,
        text=anchor.text[:_SHOWN_CHARS],
        text_host=_shown_host(anchor.text) if "." in anchor.text else "",
        source=anchor.kind,
        traits=traits,
    )


def _add_path_traits(traits: set[str], host: str, path: str) -> None:
    lowered = path.lower()
    if is_open_redirector(host, lowered):
        traits.add("open_redirector")
    if lowered.startswith(("/ipfs/", "/ipns/")):
        traits.add("free_host")
    if lowered.rpartition("/")[2].rpartition(".")[2] in _DOWNLOADS:
        traits.add("executable")
    if len(path) > _BLOB_CHARS and _is_root_blob(path):
        traits.add("root_blob")


def _is_page(path: str, tail: str) -> bool:
    return path.lower().endswith((".html", ".htm", ".shtml", ".xhtml")) or "#" in tail


def _is_root_blob(path: str) -> bool:
    """Tell whether a path starts with a token of upper and lower case and digits, long enough."""
    body = path[1:]
    if body.count("/") <= _BLOB_SLASHES:
        body = body.replace("/", "")
    match = _BLOB.match(body)
    if match is None:
        return False
    token = match[0]
    return (
        token != token.lower()
        and token != token.upper()
        and any(digit in token for digit in "0123456789")
    )


def _nests_url(tail: str, registrable: str) -> bool:
    match = _NESTED.search(unquote(tail).lower())
    if match is None:
        return False
    inner = split_host(match[1]).registrable
    return bool(inner) and inner != registrable


def _shown_host(text: str) -> str:
    """Return the host that a link's text shows as its target: the text is one word, an address."""
    shown = text.strip(" <>()[]\"'.,;:!").lower()
    if not shown or len(shown) > _SHOWN_CHARS or "." not in shown or "@" in shown or " " in shown:
        return ""
    if shown.startswith(("http:", "https:", "www.")):
        url = read_url(shown)
        return url.host if url is not None and split_host(url.host).registrable else ""
    authority = shown.partition("/")[0].partition("?")[0].partition(":")[0]
    host = read_host(authority)[0]
    domain = split_host(host)
    looks_like_file = not domain.subdomain and domain.suffix in _FILE_LIKE and shown == authority
    return host if domain.registrable and not looks_like_file else ""
