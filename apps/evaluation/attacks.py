"""Spam dressed in honest text, in the ways that defeat filters which count words.

The filler is the text of ham that the filter has learned, the worst case for it: the sender reads
the same mailing lists. Every attack leaves the spam's own text and links where a reader sees them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from itertools import cycle
from types import MappingProxyType
from typing import Final

from apps.evaluation.rewriting import add_field, lengthen_field, rewrite_body

__all__ = ["ATTACKS", "Attack", "Filler"]

_WORDS = re.compile(r"[!-~]{1,60}")
_LINE = 70
_THREAD, _TITLE = 3_000, 900
_BODY = re.compile(r"<body\b[^>]{0,2000}>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_UNSEEN = '<div style="display:none">'
_WHITE = '<div style="color:#ffffff;background-color:#ffffff">'


class Filler:
    """Honest words without end: each piece asked for goes on where the last one ended."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the texts of some ham; raises ValueError where none has a word."""
        words = [word for text in texts for word in _WORDS.findall(text)]
        if not words:
            raise ValueError("filler needs ham with text")
        self._words: Iterator[str] = cycle(words)

    def lines(self, length: int) -> list[str]:
        """Return lines of words, at least `length` characters in all."""
        lines: list[str] = []
        line, size = "", 0
        while size < length:
            line = f"{line} {next(self._words)}".lstrip()
            if len(line) >= _LINE:
                lines.append(line)
                size += len(line) + 1
                line = ""
        return lines


Attack = Callable[[bytes, Filler], bytes]
"""From a raw message and filler to the raw message as an attacker would send it."""


def _as_is(raw: bytes, filler: Filler) -> bytes:
    del filler
    return raw


def _references(raw: bytes, filler: Filler) -> bytes:
    return add_field(raw, "References", filler.lines(_THREAD))


def _subject(raw: bytes, filler: Filler) -> bytes:
    longer = lengthen_field(raw, "Subject", filler.lines(_TITLE))
    return add_field(longer, "Organization", filler.lines(_TITLE))


def _visible(before: int, after: int) -> Attack:
    """Return the attack with so many characters of filler before and after the spam's text."""

    def attack(raw: bytes, filler: Filler) -> bytes:
        first, last = filler.lines(before), filler.lines(after)

        def plain(text: str) -> str:
            return "\n".join([*first, "", text, "", *last])

        def html(markup: str) -> str:
            return _wrapped(markup, _block("<div>", first), _block("<div>", last))

        return rewrite_body(raw, plain, html)

    return attack


def _styled(opening: str, length: int) -> Attack:
    """Return the attack whose filler a style hides; plain text is made HTML for it."""

    def attack(raw: bytes, filler: Filler) -> bytes:
        block = _block(opening, filler.lines(length))

        def html(markup: str) -> str:
            return _wrapped(markup, block, "")

        def converted(text: str) -> str:
            return f"<html><body>{block}<pre>{escape(text)}</pre></body></html>"

        return rewrite_body(raw, None, html, converted)

    return attack


def _block(opening: str, lines: list[str]) -> str:
    return f"{opening}{escape(chr(10).join(lines))}</div>\n" if lines else ""


def _wrapped(markup: str, before: str, after: str) -> str:
    start = _BODY.search(markup)
    at = start.end() if start else 0
    markup = markup[:at] + before + markup[at:]
    ends = [match.start() for match in _BODY_END.finditer(markup)]
    at = ends[-1] if ends else len(markup)
    return markup[:at] + after + markup[at:]


ATTACKS: Final[Mapping[str, Attack]] = MappingProxyType(
    {
        "as is": _as_is,
        "long References": _references,
        "long Subject and Organization": _subject,
        "ham 3,500 first": _visible(3_500, 0),
        "ham 3,500 after": _visible(0, 3_500),
        "sandwich 2 x 2,500": _visible(2_500, 2_500),
        "sandwich 2 x 8,000": _visible(8_000, 8_000),
        "hidden, display:none": _styled(_UNSEEN, 3_500),
        "white on white": _styled(_WHITE, 3_500),
    }
)
"""The attacks by name; lengths are characters of filler."""
