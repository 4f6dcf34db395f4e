"""Received fields and dates, whichever mail server wrote them (RFC 5321, 4.4)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, overload

import msgspec

from features.header_block import Header

__all__ = ["Hop", "Hops", "parse_date", "parse_hop"]

_LONGEST_FIELD = 2_048  # characters of one Received field that are read
_LONGEST_DATE = 128
_DATE = re.compile(
    r"(\d{1,2})[ \t-]+([A-Za-z]{3})[a-z]{0,6}[ \t-]+(\d{2,4})[ \t]+"
    r"(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?[ \t]*(?:([+-])(\d{2}):?(\d{2})|([A-Za-z]{1,4}))?"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ZONES: Final = {  # hours, RFC 5322, 4.3; other letters say nothing, so UTC
    "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8,
    "cet": 1, "cest": 2, "met": 1, "mest": 2, "bst": 1, "eet": 2, "eest": 3, "msk": 3, "jst": 9,
}  # fmt: skip
_IN_BRACKETS = re.compile(r"\[(?:ipv6:)?([0-9a-f:.]{3,45})\]")
_IN_COMMENT = re.compile(r"[(@ ](?:ipv6:)?([0-9a-f:.]{3,45})\)")
_GREETING = re.compile(r"\b[he][eh]lo[= ]([^\s()]{1,255})")


class Hop(msgspec.Struct, frozen=True, gc=False):
    """One Received header (RFC 5321, 4.4): who handed over, to whom, when; empty where unread."""

    helo: str
    ip: str
    ptr: str
    by: str
    date: str = ""  # as written

    @property
    def at(self) -> datetime | None:
        """The date, read anew each time: of most hops nobody asks for it."""
        return parse_date(self.date) if self.date else None


class Hops(Sequence[Hop]):
    """Hops from the top, each read when it is first asked for: most questions end at the first."""

    __slots__ = ("_fields", "_read")

    def __init__(self, fields: Sequence[Header]) -> None:
        self._fields = tuple(fields)
        self._read: list[Hop] = []

    def __eq__(self, other: object) -> bool:
        """Tell whether both are of the same fields."""
        return isinstance(other, Hops) and self._fields == other._fields

    def __hash__(self) -> int:
        """Hash the fields."""
        return hash(self._fields)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._fields)

    @overload
    def __getitem__(self, place: int) -> Hop: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Hop]: ...

    def __getitem__(self, place: int | slice) -> Hop | Sequence[Hop]:
        """Return the hop at a place, 0 being the topmost; raises IndexError beyond the last."""
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        read = self._read
        while len(read) <= at:
            read.append(parse_hop(self._fields[len(read)].value))
        return read[at]


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes)) if minutes else UTC


def parse_date(text: str) -> datetime | None:
    """Read a date of RFC 5322 and its obsolete and common wrong forms; None if there is none.

    The result is aware; a missing or unknown zone is UTC.
    """
    match = _DATE.search(text, 0, _LONGEST_DATE)
    if match is None:
        return _odd_date(text[:_LONGEST_DATE])
    day, month, year, hour, minute, second, sign, hours, minutes, zone = match.groups()
    number = _MONTHS.get(month.lower())
    if number is None:
        return None
    full_year = int(year)
    if len(year) < 4:  # RFC 5322, 4.3
        full_year += 2000 if full_year < 50 else 1900
    offset = 0
    if sign:
        offset = int(hours) * 60 + int(minutes)
        if offset >= 1440:
            offset = 0
        elif sign == "-":
            offset = -offset
    elif zone:
        offset = _ZONES.get(zone.lower(), 0) * 60
    leap = min(int(second or 0), 59)  # a leap second is the second before
    try:
        return datetime(
            full_year, number, int(day), int(hour), int(minute), leap, tzinfo=_zone(offset)
        )
    except ValueError:
        return None


def _odd_date(text: str) -> datetime | None:
    """Read what the standard library still can (asctime order, missing seconds)."""
    try:
        fields = parsedate_tz(text)
        if fields is None:
            return None
        offset = (fields[9] or 0) // 60
        return datetime(*fields[:6], tzinfo=_zone(offset if abs(offset) < 1440 else 0))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@lru_cache(maxsize=16_384)
def _ip(text: str) -> str:
    """Return the canonical form of an IP address (IPv4 where mapped into IPv6), else ''."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse_hop(value: str) -> Hop:
    """Read one Received field's unfolded value; what isn't there is empty, nothing raises.

    Knows the shapes of Postfix, Sendmail, Exim, qmail, Exchange and the large providers:
    `from HELO (PTR [IP]) by ...`, `from PTR ([IP] helo=HELO) by ...`,
    `from PTR (HELO name) (IP) by ...`, `from [IP] (...) by ...`. An address in brackets is what
    the server saw; one that stands as the greeting counts only where there is no other.
    """
    clause, semicolon, date = value[:_LONGEST_FIELD].rpartition(";")
    if not semicolon:
        clause, date = date, ""
    text = clause.lower().replace("\t", " ").strip()
    if text.startswith("by "):
        return Hop("", "", "", _token(text, 3), date)
    if not text.startswith("from "):
        return Hop("", "", "", "", date)
    end = text.find(" by ", 4)
    by = _token(text, end + 4) if end >= 0 else ""
    return Hop(*_from_clause(text[5 : end if end >= 0 else None].lstrip()), by, date)


def _token(text: str, start: int) -> str:
    found = text[start : start + 300].split(None, 1)
    return found[0].strip("()[],;") if found else ""


def _from_clause(clause: str) -> tuple[str, str, str]:
    """Return HELO, IP and PTR of the lower-case text between `from` and `by`."""
    first, _, rest = clause.partition(" ")
    if "(" in first:  # no blank before the comment
        first, _, inner = clause.partition("(")
        rest = "(" + inner
    literal = first.strip("[]")
    seen = _IN_BRACKETS.search(rest) or _IN_COMMENT.search(rest)
    ip = _ip(seen[1]) if seen else ""
    reverse = ""
    if seen and ip:
        comment = rest[: seen.start()].rpartition("(")[2]
        before = comment.split() if ")" not in comment else []
        if before and _is_name(before[-1]):
            reverse = before[-1].rpartition("@")[2].strip(".,;:")
    else:
        ip = _ip(literal.removeprefix("ipv6:"))
    greeting = _GREETING.search(rest)
    if greeting is None:
        return literal, ip, reverse
    if not reverse and _is_name(first) and not _ip(literal):
        reverse = first
    return greeting[1].strip("[]"), ip, reverse


def _is_name(token: str) -> bool:
    """Whether the token can be a host name (perhaps after an ident's `user@`)."""
    return "." in token and "=" not in token and "[" not in token
