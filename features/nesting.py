"""HTML made harmless for a tree builder whose time or memory grows with the square of its input.

The tree construction rules of HTML themselves ask for that work (WHATWG, 13.2.4.3 and 13.2.5.33):
each paragraph opens again every formatting element that is still open, each block looks through
the whole stack of open elements, each attribute is compared with those before it. Measured on
lexbor: 14 KB of `<b id=N>` and `<p>` make a million nodes, 262 KB of `<div>` take 3 s.
"""

import re
from itertools import islice
from typing import Final

__all__ = ["bound_nesting"]

MAX_DEPTH: Final = 256  # browsers stop at 512
MAX_ATTRIBUTES: Final = 256
_FEW_TAGS = 600
_MANY_TAGS = 4_000
_LONG_HTML = 32_768
_VERY_LONG_HTML = 65_536
_LONG_TAG = 1_024
_PIECES = 2 * MAX_ATTRIBUTES  # attributes and what separates them

_ATTRIBUTE = r"""[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s>]*+))?+"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
# One token after another, none tried twice: comments, declarations, tags.
_TOKEN = re.compile(
    r"<(?:!--(?:-?>|[\s\S]*?(?:--!?>|\Z))"
    r"|[!?][^>]*+>?"
    rf"|(/?)([a-zA-Z][^\s/>]*+)((?:{_ATTRIBUTE})*+)>?)"
)
# As spans they read the same, and nothing opens them again.
_NAMES = (  # written out: IGNORECASE would take the search for "<" from the engine's fast path
    r"(?:[bBiIsSuU]|[bB][iI][gG]|[cC][oO][dD][eE]|[eE][mM]|[fF][oO][nN][tT]|[nN][oO][bB][rR]"
    r"|[sS][mM][aA][lL]{2}|[sS][tT][rR][iI][kK][eE]|[sS][tT][rR][oO][nN][gG]|[tT]{2})(?=[\s/>])"
)
_FORMATTING = re.compile("<" + _NAMES)
_FORMATTING_END = re.compile("</" + _NAMES)
_START_TAG = re.compile(r"<[a-zA-Z][^\s/>]*+")
_LONG_START_TAG = re.compile(r"<[a-zA-Z][^>]{1024}")
# How a tag can be longer than the pattern above sees: with '>' inside a value. One pattern each:
# their literal beginnings make them three times as fast as one alternation.
_MARK_IN_VALUE = (
    re.compile(r'="[^">]*>'),
    re.compile(r"='[^'>]*>"),
    re.compile(r"""=\s+["']"""),
)
# Void elements, and those that end where the next of their kind starts.
_FLAT = frozenset(
    (
        "area", "base", "br", "col", "embed", "hr", "image", "img", "input", "link", "meta",
        "param", "source", "track", "wbr", "a", "dd", "dt", "li", "option", "p", "tbody", "td",
        "tfoot", "th", "thead", "tr",
    )
)  # fmt: skip
_RAW_TEXT = frozenset(
    ("iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp")
)


def bound_nesting(html: str) -> tuple[str, bool]:
    """Return HTML that parses in linear time, and whether tags had to be taken out for that.

    HTML of everyday size comes back as it is. In larger HTML formatting elements become spans;
    elements deeper than 256 lose their tags, attributes beyond the 256th of a tag are dropped.
    """
    tags = html.count("<")
    if tags > _FEW_TAGS:
        html = _FORMATTING.sub("<span", _FORMATTING_END.sub("</span", html))
    if tags <= _MANY_TAGS and len(html) <= _LONG_HTML:
        return html, False
    if tags <= _MANY_TAGS and not _may_have_many_attributes(html):
        return html, False
    if not _is_hostile(html, count_depth=tags > _MANY_TAGS):
        return html, False
    depth = _Depth(closing="<![CDATA[" not in html)
    return _TOKEN.sub(depth.rewrite, html), True


def _may_have_many_attributes(html: str) -> bool:
    """Tell in one quick pass whether a tag may have so many attributes that it costs time."""
    for match in _LONG_START_TAG.finditer(html):
        name = _START_TAG.match(html, match.start())
        pieces = _ATTRIBUTES.finditer(html, name.end()) if name else iter(())
        if sum(1 for _ in islice(pieces, _PIECES)) == _PIECES:
            return True
    return len(html) > _VERY_LONG_HTML and any(odd.search(html) for odd in _MARK_IN_VALUE)


def _is_hostile(html: str, *, count_depth: bool) -> bool:
    depth = _Depth(closing="<![CDATA[" not in html)
    for slash, name, attributes in _TOKEN.findall(html):
        if len(attributes) > _LONG_TAG and len(_cut(attributes)) < len(attributes):
            return True
        if count_depth and name and not depth.keeps(slash, name.lower()):
            return True
    return False


def _cut(attributes: str) -> str:
    """Return at most the first 256 attributes and separators."""
    end = 0
    for count, match in enumerate(_ATTRIBUTES.finditer(attributes)):
        if count == _PIECES:
            break
        end = match.end()
    return attributes[:end]


class _Depth:
    """How deep tags nest at most; ends of elements are believed only where they surely count."""

    def __init__(self, *, closing: bool) -> None:
        self._closing = closing
        self._depth = 0
        self._open: dict[str, int] = {}
        self._raw = ""

    def keeps(self, slash: str, name: str) -> bool:
        """Take a tag in; False where it nests too deep to stay."""
        if name in _FLAT:
            return True
        if slash:
            self._close(name)
            return True
        if self._depth >= MAX_DEPTH:
            return False
        self._depth += 1
        self._open[name] = self._open.get(name, 0) + 1
        if name in _RAW_TEXT and not self._raw:
            self._raw = name
        return True

    def _close(self, name: str) -> None:
        if self._raw:
            if name != self._raw:
                return  # text of a script or style, no tag
            self._raw = ""
        if self._closing and self._open.get(name):
            self._open[name] -= 1
            self._depth -= 1

    def rewrite(self, match: re.Match[str]) -> str:
        """Return the token as it may stay: whole, with fewer attributes, or as a blank."""
        slash, name, attributes = match.groups()
        if name is None:
            return match[0]
        if not self.keeps(slash, name.lower()):
            return " "
        if len(attributes) > _LONG_TAG:
            return f"<{slash}{name}{_cut(attributes)}>"
        return match[0]
