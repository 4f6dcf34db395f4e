"""Web addresses read as a browser reads them (WHATWG URL Standard), however they are written."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote

import msgspec

from features.domains import to_ascii

__all__ = ["Url", "find_urls", "read_host", "read_url"]

_URL_CHARS = 2_048  # beyond it no browser of note needs to follow
_HOST_CHARS = 1_024  # before decoding; RFC 1035 allows 253
_AUTHORITY_END = re.compile(r"[/\\?#]")
_TABS = str.maketrans("", "", "\t\r\n")
_CONTROLS: Final = "".join(map(chr, range(33)))
_DEFAULT_PORT: Final = {"http": "80", "https": "443"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:")
_BARE_TAIL = re.compile(r"""[^\s<>"')\]]{4,}""")
_WWW: Final = frozenset({"www.", "WWW.", "Www."})
_TRAILING = ".,;:!?*_|"
_IPV4_PARTS = 4
_IPV4_DIGITS = 24


class Url(msgspec.Struct, frozen=True, gc=False):
    """A web address. `text` is it in normal form, at most 2,048 characters; `port` '' by default.

    `host` is lower-case ASCII (punycode, RFC 3492), an IPv4 address dotted decimal, an IPv6
    address in brackets. `faults`: slashes (not the two that belong there), ip, ip_obfuscated
    (an IPv4 address in another notation), userinfo, punycode.
    """

    text: str
    scheme: str
    host: str
    port: str
    path: str
    faults: frozenset[str]


_NO_FAULTS: Final[frozenset[str]] = frozenset()


def find_urls(text: str) -> list[str]:
    """Find addresses that a mail reader makes clickable in plain text; time is linear."""
    urls = []
    reached = 0
    for start, after in sorted(_bare_starts(text)):
        if start < reached:
            continue
        match = _BARE_TAIL.match(text, after)
        if match:
            reached = match.end()
            urls.append(text[start:reached].rstrip(_TRAILING))
    return urls


def _bare_starts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where addresses start, and where the part after "://" or "www." does."""
    mark = text.find("://")
    while mark >= 0:
        scheme = text[max(0, mark - 5) : mark].lower()
        if scheme.endswith("http"):
            yield mark - 4, mark + 3
        elif scheme == "https":
            yield mark - 5, mark + 3
        mark = text.find("://", mark + 3)
    for end in ("ww.", "WW."):
        found = text.find(end)
        while found >= 0:
            if text[max(0, found - 1) : found + 3] in _WWW:
                yield found - 1, found + 3
            found = text.find(end, found + 3)


def read_url(target: str, base: str = "") -> Url | None:
    """Read a link's target; None where it is no http or https address, or has no host.

    A target without a scheme is read against `base` (the href of a base element).
    """
    text = target[: 2 * _URL_CHARS].strip(_CONTROLS)
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.translate(_TABS)
    scheme, rest = _split_scheme(text)
    if not scheme:
        scheme, rest = _implied_scheme(text, base)
    if scheme not in _DEFAULT_PORT:
        return None
    after = rest.lstrip("/\\")
    slashes = rest[: len(rest) - len(after)]
    end = _AUTHORITY_END.search(after)
    authority, tail = (after[: end.start()], after[end.start() :]) if end else (after, "")
    userinfo, at, host_port = authority.rpartition("@")
    raw_host, port = _split_port(host_port) if ":" in host_port else (host_port, "")
    host, faults = read_host(raw_host)
    if not host:
        return None
    if at or slashes != "//":
        faults |= {"userinfo"} if at else _NO_FAULTS
        faults |= {"slashes"} if slashes != "//" else _NO_FAULTS
    if port == _DEFAULT_PORT[scheme]:
        port = ""
    path, tail = _normal_path(tail)
    place = f"{userinfo}@{host}" if at else host
    normal = f"{scheme}://{place}:{port}{tail}" if port else f"{scheme}://{place}{tail}"
    return Url(normal[:_URL_CHARS], scheme, host, port, path, faults)


def _implied_scheme(text: str, base: str) -> tuple[str, str]:
    """Return scheme and rest of a target that names no scheme; '' where it leads nowhere."""
    if text[:1] in ("/", "\\") and text[1:2] in ("/", "\\"):
        return "https", text
    if text[:4].lower() == "www.":
        return "http", "//" + text
    if base and text[:1] != "#":
        return _split_scheme(_join(base.strip(_CONTROLS)[:_URL_CHARS], text))
    return "", text


def _split_scheme(text: str) -> tuple[str, str]:
    if text.startswith("http"):  # nearly always
        if text.startswith("s:", 4):
            return "https", text[6:]
        if text.startswith(":", 4):
            return "http", text[5:]
    match = _SCHEME.match(text)
    if not match:
        return "", text
    scheme = match[0][:-1].lower()
    if scheme in _DEFAULT_PORT or "." not in scheme:
        return scheme, text[match.end() :]
    return "", text  # a host and its port, without a scheme


def _join(base: str, relative: str) -> str:
    """Append a relative target to a base, as far as the host and the text of the link matter."""
    if _split_scheme(base)[0] not in _DEFAULT_PORT:
        return "about:blank"
    if relative[:1] in ("/", "\\"):
        start = base.find("/", base.find("//") + 2)
        return (base if start < 0 else base[:start]) + relative
    return base[: base.rfind("/") + 1] + relative if base.count("/") > 2 else f"{base}/{relative}"


def _split_port(host_port: str) -> tuple[str, str]:
    host, colon, port = host_port.rpartition(":")
    if not colon or "]" in port:
        return host_port, ""
    return (host, port[:5]) if port.isascii() and port.isdigit() else (host, "")


def _normal_path(tail: str) -> tuple[str, str]:
    """Return the path alone, and the tail (path, query, fragment) with slashes set right."""
    path = tail.partition("?")[0].partition("#")[0]
    rest = tail[len(path) :]
    path = path.replace("\\", "/") or "/"
    return path, path + rest if rest else path


@lru_cache(maxsize=16_384)
def read_host(raw: str) -> tuple[str, frozenset[str]]:
    """Return a host in normal form with its faults; '' where no browser would go there."""
    host = raw[:_HOST_CHARS]
    if "%" in host:
        host = unquote(host)
    faults = set()
    if not host.isascii():
        host = to_ascii(host)
        faults.add("punycode")
    host = host.lower().rstrip(".")
    if host.startswith("["):
        return _read_ipv6(host)
    if "xn--" in host:
        faults.add("punycode")
    last = host.rpartition(".")[2]
    if last[:1].isdigit():
        dotted = _read_ipv4(host)
        if dotted:
            faults |= {"ip"} if dotted == raw else {"ip", "ip_obfuscated"}
            return dotted, frozenset(faults)
    if not host or any(char in host for char in " <>^|\0"):
        return "", _NO_FAULTS
    return host, frozenset(faults) if faults else _NO_FAULTS


def _read_ipv6(host: str) -> tuple[str, frozenset[str]]:
    try:
        return f"[{IPv6Address(host.strip('[]'))}]", frozenset({"ip"})
    except ValueError:
        return "", _NO_FAULTS


def _read_ipv4(host: str) -> str:
    """Read an IPv4 address in any notation that browsers take: octal, hex, fewer parts."""
    labels = host.split(".")
    if len(labels) > _IPV4_PARTS:
        return ""
    numbers = [_read_ipv4_number(label) for label in labels]
    last = numbers.pop()
    if last < 0 or any(not 0 <= number <= 255 for number in numbers):
        return ""
    if last >= 256 ** (_IPV4_PARTS - len(numbers)):
        return ""
    value = last
    for position, number in enumerate(numbers):
        value += number << (8 * (3 - position))
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _read_ipv4_number(label: str) -> int:
    """Return a part's value, -1 where it is no number."""
    if not label.isascii() or not label.isalnum() or len(label) > _IPV4_DIGITS:
        return -1
    radix = 10
    if label.startswith("0x"):
        label, radix = label[2:] or "0", 16
    elif label.startswith("0") and len(label) > 1:
        radix = 8
    try:
        return int(label, radix)
    except ValueError:
        return -1
