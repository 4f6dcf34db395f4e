"""Mailboxes of address fields as real mail writes them; the faults of a From (RFC 5322)."""

import re
from collections.abc import Iterator

import msgspec

from features.domains import Domain, split_host
from features.encoded_words import ENCODED_WORD
from features.header_block import decode_value, unfold

__all__ = ["Mailbox", "from_faults", "parse_mailbox", "parse_mailboxes"]

_LONGEST_FIELD = 65_536  # characters of a list of addresses that are read
_LONGEST_FROM = 8_192
_COMMENT = re.compile(r"\([^()<>@]*\)")
_IN_ANGLES = re.compile(r"<([^<>]*)>")
_AFTER = re.compile(r">\s*[^\s,>;]")
_ADDRESS = re.compile(r"[^\s<>(),;:\"\[\]\\@]+@[^\s<>(),;:\"\\@]+")
_SEPARATOR = re.compile(r"[\s<>(),;:\"\[\]\\]")
_LONGEST_LOCAL = 320  # characters; RFC 5321, 4.5.3.1 allows 64
_TRIES = 16  # "@" signs that turn out to be none of an address
_HOST = re.compile(r"[a-z0-9.-]+")
_EDGES = " \t\r\n\"'"


class Mailbox(msgspec.Struct, frozen=True, gc=False):
    """An address as written: display name decoded, address lower-cased; empty where missing."""

    display: str
    address: str
    local: str
    host: str
    domain: Domain


_EMPTY = Mailbox("", "", "", "", split_host(""))


def parse_mailbox(raw: str) -> Mailbox:
    """Read a field that names one mailbox (From, Sender, Return-Path) from its raw value.

    A mail reader shows what stands before the last angle bracket, commas or not; so does this.
    """
    if not raw:
        return _EMPTY
    text = unfold(raw[:_LONGEST_FROM])
    mailbox = _mailbox(text)
    if not mailbox.address and "=?" in text:  # the address itself sits in an encoded word
        decoded = _mailbox(decode_value(text))
        if decoded.address:
            return decoded
    return mailbox


def parse_mailboxes(raw: str, limit: int) -> tuple[Mailbox, ...]:
    """Read a list of mailboxes (To, Cc, Reply-To), at most `limit`, from its raw value.

    Commas in quotes, comments and display names ("Doe, Jane <jane@...>") don't split.
    """
    if not raw:
        return ()
    found: list[Mailbox] = []
    for piece in _pieces(unfold(raw[:_LONGEST_FIELD])):
        mailbox = parse_mailbox(piece)
        if mailbox.address or mailbox.display:
            found.append(mailbox)
            if len(found) >= limit:
                break
    return tuple(found)


def from_faults(raw: str, host: str, domain: Domain, count: int) -> frozenset[str]:
    """Name the syntax faults of a raw From field; encoded words, quotes and comments are legal.

    comma: unquoted in the display name. glue: a comma, bracket or underscore before the address.
    angles: more than one opening bracket for less than two addresses. after: text behind the
    address. nospace: no blank before the bracket. multi: two or more addresses. spaced: the
    address ends in a blank or dot. noaddr: no address. badchar: a character no host name has.
    badtld: the host lies under no public suffix. duplicate: more than one From field.
    """
    text = ENCODED_WORD.sub("EW", unfold(raw[:_LONGEST_FROM]).strip())
    text = _COMMENT.sub("", _without_quotes(text))
    faults: set[str] = set()
    opening = text.find("<")
    if opening >= 0:
        faults.update(_bracket_faults(text, opening))
    if "@" not in text or not host:
        faults.add("noaddr")
    if host and host.isascii() and not _HOST.fullmatch(host):
        faults.add("badchar")
    if host and not domain.registrable:
        faults.add("badtld")
    if count > 1:
        faults.add("duplicate")
    return frozenset(faults)


def _bracket_faults(text: str, opening: int) -> Iterator[str]:
    display = text[:opening]
    brackets = text.count("<")
    if "," in display and "@" not in display:
        yield "comma"
    if display.rstrip().endswith((",", "(", "_")):
        yield "glue"
    if brackets > 1 and text.count("@") < 2:
        yield "angles"
    if brackets == 1 and _AFTER.search(text):
        yield "after"
    if display and (display[-1].isalnum() or display[-1] == "_"):
        yield "nospace"
    enclosed = _IN_ANGLES.findall(text)
    if sum("@" in inner for inner in enclosed) > 1:
        yield "multi"
    if any(inner and (inner[-1].isspace() or inner[-1] == ".") for inner in enclosed):
        yield "spaced"


def _mailbox(text: str) -> Mailbox:
    if _ADDRESS.fullmatch(text):
        return _make("", text)
    close = text.rfind(">")
    opening = text.rfind("<", 0, close) if close >= 0 else text.rfind("<")
    if opening >= 0:
        inner = text[opening + 1 : close if close > opening else None]
        before = text[:opening]
        if "@" in inner:
            return _make(before, inner)
        found = _last_address(before)
        return found or _make(before, "")
    found = _last_address(text)
    return found or _make(text, "")


def _last_address(text: str) -> Mailbox | None:
    """Read `addr@host` without brackets, perhaps followed by its owner's name in a comment."""
    at = text.rfind("@")
    for _ in range(_TRIES):
        if at < 0:
            break
        start, end = _around(text, at)
        if start < at and at + 1 < end:
            before, after = text[:start], text[end:].strip()
            if not before.strip(_EDGES) and after.startswith("("):
                before = after.strip("() ")
            return _make(before, text[start:end])
        at = text.rfind("@", 0, at)
    return None


def _around(text: str, at: int) -> tuple[int, int]:
    """Return [start, end) of the address around the "@": up to white space or a separator."""
    stop = _SEPARATOR.search(text, at + 1)
    end = stop.start() if stop else len(text)
    if text.endswith('"', 0, at):  # a quoted local part
        return max(text.rfind('"', 0, at - 1), 0), end
    first = max(0, at - _LONGEST_LOCAL)
    start = first
    for stop in _SEPARATOR.finditer(text, first, at):
        start = stop.end()
    return start, end


def _make(display: str, address: str) -> Mailbox:
    name = display.strip()
    if name:
        name = decode_value(name).strip().strip(",_(").strip(_EDGES)
        if "\\" in name:
            name = name.replace('\\"', '"').replace("\\\\", "\\")
    if not address:
        return Mailbox(name, "", "", "", _EMPTY.domain) if name else _EMPTY
    if not address.isascii():
        address = decode_value(address)
    address = address.strip().rstrip(".").lower()
    if '"@' not in address:
        address = address.strip(_EDGES)
    local, _, host = address.rpartition("@")
    return Mailbox(name, address, local, host, split_host(host))


def _quoted_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of each closed quoted string; a backslash quotes the next character."""
    start = text.find('"')
    while start >= 0:
        at = start + 1
        while True:
            end = text.find('"', at)
            if end < 0:
                return
            slash = text.find("\\", at, end)
            if slash < 0:
                break
            at = slash + 2
        yield start, end + 1
        start = text.find('"', end + 1)


def _without_quotes(text: str) -> str:
    if '"' not in text:
        return text
    out: list[str] = []
    last = 0
    for start, end in _quoted_spans(text):
        out += (text[last:start], "QS")
        last = end
    return "".join([*out, text[last:]])


def _pieces(text: str) -> Iterator[str]:
    """Split a list at its commas (and semicolons, as some writers do), lenient about names."""
    if "," not in text and ";" not in text:
        yield text
        return
    masked = text.replace(";", ",")
    if '"' in masked:
        masked = _masked(masked, _quoted_spans(masked))
    if "(" in masked:
        masked = _masked(masked, (match.span() for match in _COMMENT.finditer(masked)))
    if "=?" in masked:
        masked = _masked(masked, (match.span() for match in ENCODED_WORD.finditer(masked)))
    start = at = 0
    addressed = False
    for part in masked.split(","):
        at += len(part) + 1
        addressed = addressed or "@" in part
        if addressed or at > len(masked):
            yield text[start : at - 1]
            start, addressed = at, False


def _masked(text: str, spans: Iterator[tuple[int, int]]) -> str:
    out: list[str] = []
    last = 0
    for start, end in spans:
        out += (text[last:start], "_" * (end - start))
        last = end
    return "".join([*out, text[last:]])
