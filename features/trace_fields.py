"""Received fields and dates, read without regard to which mail server wrote them (RFC 5321, 4.4)."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

__all__ = ["Hop", "parse_date", "parse_hop"]

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
_ADDRESS_LIKE = re.compile(r"\[?(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]?", re.IGNORECASE)
_NO_NAME: Final = frozenset({"unknown", "unverified", "may", "helo", "ehlo", "authenticated"})


class Hop(NamedTuple):
    """One Received header (RFC 5321, 4.4): who handed over, to whom, when; empty where unread."""

    helo: str
    ip: str
    ptr: str
    by: str
    at: datetime | None


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
        return datetime(  # noqa: DTZ001 - the zone is given, as a cached object
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
    """Return the canonical form of an IP address, else ''."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def parse_hop(value: str) -> Hop:
    """Read one Received field's unfolded value; what isn't there is empty, nothing raises.

    Knows the shapes of Postfix, Sendmail, Exim, qmail, Exchange and the large providers:
    `from HELO (PTR [IP]) by ...`, `from PTR ([IP] helo=HELO) by ...`,
    `from PTR (HELO name) (IP) by ...`, `from [IP] (...) by ...`.
    """
    text = value[:_LONGEST_FIELD]
    clause, semicolon, date = text.rpartition(";")
    if not semicolon:
        clause = text
    at = parse_date(date) if semicolon else None
    tokens = clause.replace("(", " ( ").replace(")", " ) ").split()
    if not tokens:
        return Hop("", "", "", "", at)
    start = 1 if tokens[0].lower() == "from" else 0
    end = _by(tokens, start)
    by = tokens[end + 1].strip("();,").lower() if end + 1 < len(tokens) else ""
    helo, ip, ptr = _from_clause(tokens[start:end]) if start else ("", "", "")
    return Hop(helo, ip, ptr, by, at)


def _by(tokens: list[str], start: int) -> int:
    """Return the index of the `by` that ends the from clause: not inside brackets, if closed."""
    depth = 0
    inside = len(tokens)
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        elif token.lower() == "by":
            if depth <= 0:
                return index
            inside = min(inside, index)
    return inside


def _from_clause(tokens: list[str]) -> tuple[str, str, str]:
    """Return HELO, IP and PTR of the tokens between `from` and `by`."""
    first = ""
    greeting = ""
    reverse = ""
    ip = ""
    expect_greeting = False
    depth = 0
    for token in tokens:
        if token in {"(", ")"}:
            depth += 1 if token == "(" else -1
            continue
        lower = token.lower()
        if expect_greeting:
            greeting, expect_greeting = lower.strip("[]"), False
            continue
        if lower in {"helo", "ehlo"} and depth > 0:
            expect_greeting = True
            continue
        if lower.startswith(("helo=", "ehlo=")):
            greeting = lower[5:].strip("[]")
            continue
        name, _, bracketed = lower.partition("[")
        address = _ADDRESS_LIKE.match("[" + bracketed if bracketed else lower)
        found = _ip(address[1]) if address else ""
        if found and not ip:
            ip = found
        if depth == 0 and not first:
            first = lower
        elif depth > 0 and not reverse and not found and _is_name(lower):
            reverse = lower
        elif depth > 0 and not reverse and name and _is_name(name):
            reverse = name
    if greeting:
        reverse = reverse or (first if _is_name(first) else "")
    else:
        greeting = first
    return greeting.strip("[]"), ip, reverse.rpartition("@")[2].strip(".,;")


def _is_name(token: str) -> bool:
    """Whether the token can be a host name (perhaps after an ident's `user@`)."""
    return "." in token and token not in _NO_NAME and "=" not in token and "[" not in token
