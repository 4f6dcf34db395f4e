"""Web pages and drawings that are attached: what one does when it is opened; nothing is run."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from features.charsets import decode
from features.context import Limits
from features.headers import Headers
from features.links import Link, read_targets
from features.markup import read_markup
from features.message import Part

__all__ = ["Page", "read_page"]

_READ = 262_144  # bytes
_MOVES = re.compile(
    r"""location(?:\.(?:href|replace|assign))?\s{0,4}[=(]\s{0,4}["'](https?:[^"'\s<>]{4,2000})"""
)
_ACTIVE: Final = ("onload=", "onerror=", "onbegin=", "<foreignobject", "javascript:")
_TARGETS = 50
_SHORT = 2_000  # characters of text: a page with more is there to be read


class Page(msgspec.Struct, frozen=True, gc=False):
    """An attached page. `moves` are the addresses that it sends its reader on to by itself.

    `passwords` counts fields for one, `sends` are the targets of its forms. `script` tells of any
    script, `active` whether a drawing has any or embeds a page.
    """

    passwords: int
    sends: tuple[Link, ...]
    moves: tuple[Link, ...]
    script: bool
    active: bool
    short: bool


def read_page(part: Part, headers: Headers, limits: Limits) -> Page:
    """Read a page as a browser would show it first, within the bounds of a body."""
    source = decode(part.content[:_READ], part.charset)[0]
    lowered = source.lower()
    markup = read_markup(source[: limits.text_bytes], limits.html_nodes)
    refreshed = [anchor.href for anchor in markup.anchors if anchor.kind == "refresh"]
    moved = _MOVES.findall(source)[:_TARGETS] if "location" in lowered else []
    return Page(
        passwords=markup.password_inputs,
        sends=_links([anchor.href for anchor in markup.anchors if anchor.kind == "form"], headers),
        moves=_links([*refreshed, *moved], headers),
        script="<script" in lowered,
        active="<script" in lowered or any(word in lowered for word in _ACTIVE),
        short=len(markup.text) < _SHORT,
    )


def _links(targets: Sequence[str], headers: Headers) -> tuple[Link, ...]:
    return read_targets(list(dict.fromkeys(targets))[:_TARGETS], "page", headers)
