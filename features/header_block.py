"""The header section split into fields on bytes, as raw as it came (RFC 5322, 2.2 and 4.5)."""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from features.charsets import decode_undeclared
from features.encoded_words import decode_words

__all__ = [
    "Header",
    "HeaderBlock",
    "Section",
    "decode_value",
    "find_section",
    "read_header",
    "split_fields",
    "unfold",
]

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD_END = re.compile(rb"\n(?![ \t])")
_LONGEST_NAME = 1_000  # characters; RFC 5322, 2.1.1 allows a line of 998
_BLANK = " \t\r\0\ud800"
_NAME = re.compile(r"[!-9;-~]+[ \t]*")


class Header(msgspec.Struct, gc=False, eq=False):
    """One header field: lower-cased name, raw value as it came, value unfolded and decoded.

    `raw` keeps folding and undecoded RFC 2047 words; 8-bit bytes that aren't UTF-8 are
    surrogate escapes. `value` is text without surrogates, decoded when it is first asked for:
    most fields never are. Outer white space is cut from both.
    """

    name: str
    raw: str
    _value: str | None = None

    def __repr__(self) -> str:
        """Return name and raw value."""
        return f"Header({self.name!r}, {self.raw!r})"

    def __eq__(self, other: object) -> bool:
        """Tell whether name and raw value are the same; the value follows from them."""
        return isinstance(other, Header) and self.name == other.name and self.raw == other.raw

    def __hash__(self) -> int:
        """Hash name and raw value."""
        return hash((self.name, self.raw))

    @property
    def value(self) -> str:
        """The value unfolded and decoded."""
        if self._value is None:
            self._value = decode_value(self.raw)
        return self._value


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


def read_header(raw: bytes, fields: int, size: int) -> tuple[bytes, HeaderBlock, set[str]]:
    """Read the header of a whole message: its bytes, its fields, and what was odd.

    An mbox separator line is skipped. Where carriage returns end lines by themselves, some
    readers see other fields and another body than the rest; the bytes returned are those with
    every line end an LF, as `block.section` counts.
    """
    flags: set[str] = set()
    start = 0
    if raw.startswith((b"From ", b">From ")):
        start = raw.find(b"\n") + 1 or len(raw)
    section = find_section(raw, start, len(raw))
    if _has_bare_cr(raw, section.start, section.end):
        flags.add("bare_cr")
        raw = raw[start:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        section = find_section(raw, 0, len(raw))
    if raw.find(b"\0", section.start, section.end) >= 0:
        flags.add("nul")
    block = split_fields(raw, section, fields, size)
    if block.dropped:
        flags.add("headers_over_limit")
    if block.broken:
        flags.add("header_broken")
    if not block.fields:
        flags.add("headers_missing")
    return raw, block, flags


def _has_bare_cr(raw: bytes, start: int, end: int) -> bool:
    returns = raw.count(b"\r", start, end)
    # The section's end cuts the last line's own CRLF in two.
    return returns > 0 and returns > raw.count(b"\r\n", start, end + 1)


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
    text = raw[start : min(end, start + size)].decode("utf-8", "surrogateescape")
    # Folded lines are joined by one pass each over the whole section, and told apart again where
    # there are any. The mark is what the section doesn't hold.
    mark = "\ud800" if "\0" in text else "\0"
    lines = text.replace("\n ", mark + " ").replace("\n\t", mark + "\t").split("\n")
    if len(lines) > fields:
        dropped = True
        del lines[fields:]
    found: list[tuple[str, str]] = []
    for at, line in enumerate(lines):
        head, colon, value = line.partition(":")
        name = _field_name(head) if colon and len(head) < _LONGEST_NAME else ""
        if name:
            found.append((name, value.strip().replace(mark, "\n")))
        elif line.strip(_BLANK):
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
    value = unfold(raw)
    if not value.isascii():
        value = decode_undeclared(value.encode("utf-8", "surrogateescape"))
    if "=?" in value:
        value = decode_words(value)
    return value


def unfold(raw: str) -> str:
    """Put a folded value on one line: each fold with its first white space becomes a blank."""
    if "\n" not in raw:
        return raw
    if "\r" in raw:
        raw = raw.replace("\r\n", "\n")
    raw = raw.replace("\n\t", " ").replace("\n ", " ")
    return raw.replace("\n", " ") if "\n" in raw else raw
