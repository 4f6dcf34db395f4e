"""The header section split into fields on bytes, as raw as it came (RFC 5322, 2.2 and 4.5)."""

import re
from functools import lru_cache
from typing import NamedTuple

from features.charsets import decode_undeclared
from features.encoded_words import decode_words

__all__ = ["Header", "HeaderBlock", "Section", "decode_value", "find_section", "split_fields"]

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD_END = re.compile(rb"\r?\n(?![ \t])")
_FOLD = re.compile(r"\r?\n[ \t]?")
_NAME = re.compile(r"[!-9;-~]+[ \t]*")


class Header(NamedTuple):
    """One header field: lower-cased name, raw value as it came, value unfolded and decoded.

    `raw` keeps folding and undecoded RFC 2047 words; 8-bit bytes that aren't UTF-8 are
    surrogate escapes. `value` is text without surrogates. Outer white space is cut from both.
    """

    name: str
    raw: str
    value: str


class Section(NamedTuple):
    """Where a header section lies in the bytes: [start, end), and where its body starts."""

    start: int
    end: int
    body: int


class HeaderBlock(NamedTuple):
    """The fields of a section as (name, raw value), and the corrected section.

    `dropped` says that fields or bytes lay beyond the bounds; `broken` that a line that is no
    field ended the section before its blank line, which is how mail servers and readers take it.
    """

    fields: list[tuple[str, str]]
    section: Section
    dropped: bool
    broken: bool


@lru_cache(maxsize=4096)
def _field_name(name: str) -> str:
    """Return the lower-cased field name, or '' for what can't be one."""
    return name.rstrip(" \t").lower() if _NAME.fullmatch(name) else ""


def find_section(raw: bytes, start: int, end: int) -> Section:
    """Find the header section of the entity in raw[start:end]: up to the first empty line."""
    if raw.startswith(b"\n", start, end):
        return Section(start, start, start + 1)
    if raw.startswith(b"\r\n", start, end):
        return Section(start, start, start + 2)
    blank = _BLANK_LINE.search(raw, start, end)
    if blank is None:
        return Section(start, end, end)
    return Section(start, blank.start(), blank.end())


def split_fields(raw: bytes, section: Section, fields: int, size: int) -> HeaderBlock:
    """Split a header section into at most `fields` fields of at most `size` bytes in all."""
    start, end, _ = section
    dropped = end - start > size
    lines = _FIELD_END.split(raw[start : min(end, start + size)])
    if len(lines) > fields:
        dropped = True
        del lines[fields:]
    found: list[tuple[str, str]] = []
    for at, line in enumerate(lines):
        head, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        name = _field_name(head) if colon and len(head) < 1000 else ""
        if name:
            found.append((name, value.strip()))
        elif line.strip():
            body = _offset(raw, section, at)
            return HeaderBlock(found, Section(start, body, body), dropped, broken=True)
    return HeaderBlock(found, section, dropped, broken=False)


def _offset(raw: bytes, section: Section, line: int) -> int:
    if line == 0:
        return section.start
    for at, match in enumerate(_FIELD_END.finditer(raw, section.start, section.end), start=1):
        if at == line:
            return match.end()
    return section.end


def decode_value(raw: str) -> str:
    """Unfold a raw value and decode it: raw 8-bit text, then RFC 2047 words; never raises."""
    value = raw
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    if not value.isascii():
        value = decode_undeclared(value.encode("utf-8", "surrogateescape"))
    if "=?" in value:
        value = decode_words(value)
    return value
