"""Entities as a person names them: `dkim:example.org`, `ip:192.0.2.1`, `address:dkim:jane@...`."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from types import MappingProxyType
from typing import Final

from features.client import client_network
from features.context import Context
from features.correspondents import name_key, skeleton
from features.domains import split_host
from features.entities import (
    ALL_MAIL,
    OUTBOUND_MAIL,
    UNKNOWN_NETWORK,
    Namer,
    ip_name,
    proof_name,
)
from features.rolling import Entity

__all__ = ["FORMS", "entity_of"]

_LONGEST = 1_024  # characters that are read
_SHOWN = 80
_PROOFS: Final = frozenset({"dkim", "spf", "claimed"})
_HASH = re.compile(r"[^:/@,\s]+:[0-9a-f]{32}")  # of an address, with its key's id
_ADDRESS = re.compile(r"[^\s,]+@[^\s@,/]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORT_HASH = re.compile(r"[0-9a-f]{32}")
_HOST = re.compile(r"[^\s/@,:]{1,253}")
_SKELETON = re.compile(r"[^\s.=]{1,253}")
_FINGERPRINT = re.compile(r"(?:([0-9])\.)?([0-9a-f]{8}(?:-[0-9a-f]{8}){0,5})|(=[0-9a-f]{16})")

FORMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dkim": "dkim:DOMAIN, or dkim:ADDRESS where many share the domain",
        "spf": "spf:DOMAIN, or spf:ADDRESS where many share the domain",
        "claimed": "claimed:DOMAIN@NETWORK, or claimed:ADDRESS@NETWORK where many share the domain",
        "address": "address:dkim:ADDRESS, address:spf:ADDRESS or address:claimed:ADDRESS@NETWORK",
        "ip": "ip:ADDRESS",
        "network": "network:ADDRESS or its network, /24 or /48",
        "route": "route:dkim:DOMAIN@NETWORK or route:spf:DOMAIN@NETWORK; route:* is all mail,"
        " route:*outbound@TENANT all that its users send",
        "helo": "helo:DOMAIN, a host's under a public suffix",
        "account": "account:LOGIN",
        "link": "link:DOMAIN, a host's under a public suffix",
        "attachment": "attachment:SHA256",
        "content": "content:FINGERPRINT",
        "signature": "signature:HASH",
        "pair": "pair:OURS,THEIRS, with @NETWORK where the address was not proven",
        "name": "name:OURS,DISPLAY NAME, or name:=DOMAIN,DISPLAY NAME for that of one of ours",
        "likeness": "likeness:DOMAIN, or likeness:=DOMAIN for that very domain",
    }
)
"""How each sort of entity is named. Addresses are typed in clear, or as the hash in a label."""


def entity_of(text: str, context: Context, tenant: str) -> Entity:
    """Return the entity that a person, or a label of ours, names.

    A label names its own entity. Raises ValueError in one line that says what is allowed.
    """
    sort, colon, rest = text.strip().partition(":")
    sort, rest = sort.lower(), rest.strip()
    if not colon or sort not in FORMS:
        raise ValueError(f"{_shown(text)} begins with none of {':, '.join(FORMS)}:")
    if rest and len(rest) <= _LONGEST:
        try:
            return _READERS[sort](Namer(context, tenant), sort, rest)
        except _UnreadableError:
            pass
    raise ValueError(f"{_shown(text)} is no entity of that sort; wanted {FORMS[sort]}")


class _UnreadableError(Exception):
    """What was typed has not the form of its sort."""


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise _UnreadableError
    return found


def _domain(namer: Namer, sort: str, rest: str) -> Entity:
    name, _ = _sender(namer, sort, rest)
    return namer.entity("domain", name)


def _address(namer: Namer, sort: str, rest: str) -> Entity:
    proof, _, rest = rest.partition(":")
    name, person = _sender(namer, proof, rest)
    if not person or "/" in name.partition("@")[0]:  # else the sender is the address
        raise _UnreadableError
    before, at, network = name.partition("@")
    return namer.entity(sort, f"{before}/{person}{at}{network}")


def _route(namer: Namer, sort: str, rest: str) -> Entity:
    if rest == ALL_MAIL or rest.startswith(OUTBOUND_MAIL):
        return namer.entity(sort, rest)
    rest, _, written = rest.rpartition("@")
    network = _network(written)
    proof, _, rest = rest.partition(":")
    if proof == "claimed":
        raise _UnreadableError
    name, _ = _sender(namer, proof, rest)
    return namer.entity(sort, f"{name}@{network}")


def _sender(namer: Namer, proof: str, rest: str) -> tuple[str, str]:
    """Return a sender's name, and the hash of the author's address if one was given."""
    if proof not in _PROOFS:
        raise _UnreadableError
    network = ""
    if proof == "claimed":
        rest, _, written = rest.rpartition("@")
        network = "" if written == UNKNOWN_NETWORK else _network(written)
    before, slash, after = rest.partition("/")
    if slash and (split_host(before).registrable or _HASH.fullmatch(after)):
        host, author = before, after
    else:
        host, author = rest.rpartition("@")[2], rest if "@" in rest else ""
    host = _matched(_HOST, host.lower())[0]
    person = _person(namer, author) if author else ""
    name = proof_name(proof, host, person, network)
    if name.partition("@")[0].endswith("/"):  # many share the domain, and whose mail isn't said
        raise _UnreadableError
    return name, person


def _person(namer: Namer, text: str) -> str:
    if _HASH.fullmatch(text):
        return text
    if not _ADDRESS.fullmatch(text):
        raise _UnreadableError
    return namer.person(text)


def _network(written: str) -> str:
    try:
        return client_network(str(ip_network(written, strict=False).network_address))
    except ValueError:
        raise _UnreadableError from None


def _ip(namer: Namer, sort: str, rest: str) -> Entity:
    name = ip_name(rest.removesuffix("/64"))
    if not name:
        raise _UnreadableError
    return namer.entity(sort, name)


def _of_network(namer: Namer, sort: str, rest: str) -> Entity:
    return namer.entity(sort, _network(rest))


def _registrable(namer: Namer, sort: str, rest: str) -> Entity:
    domain = split_host(rest.lower()).registrable
    if not domain:
        raise _UnreadableError
    return namer.entity(sort, domain)


def _account(namer: Namer, sort: str, rest: str) -> Entity:
    return namer.entity(sort, rest if _HASH.fullmatch(rest) else namer.person(rest))


def _attachment(namer: Namer, sort: str, rest: str) -> Entity:
    return namer.entity(sort, _matched(_SHA256, rest.lower())[0])


def _signature(namer: Namer, sort: str, rest: str) -> Entity:
    return namer.entity(sort, _matched(_SHORT_HASH, rest.lower())[0])


def _content(namer: Namer, sort: str, rest: str) -> Entity:
    """Read a fingerprint, whose first band stands for it, or the label of one band."""
    place, bands, whole = _matched(_FINGERPRINT, rest.lower()).groups()
    return namer.entity(sort, whole or f"{place or 0}.{bands.partition('-')[0]}")


def _pair(namer: Namer, sort: str, rest: str) -> Entity:
    ours, _, theirs = rest.partition(",")
    network = ""
    who, _, last = theirs.strip().rpartition("@")
    if last == UNKNOWN_NETWORK:
        network = f"@{last}"
    elif who and ("@" in who or _HASH.fullmatch(who)):
        network = f"@{_network(last)}"
    person = _person(namer, who if network else theirs.strip())
    return namer.entity(sort, f"{_person(namer, ours.strip())},{person}{network}")


def _name(namer: Namer, sort: str, rest: str) -> Entity:
    ours, _, display = rest.partition(",")
    display = display.strip()
    if not _SHORT_HASH.fullmatch(display):
        key = name_key(display)
        if not key:
            raise _UnreadableError
        display = namer.hidden_name(key)
    if ours.startswith("="):
        whose = f"={_matched(_HOST, ours[1:].strip().lower())[0]}"
    else:
        whose = _person(namer, ours.strip())
    return namer.entity(sort, f"{whose},{display}")


def _likeness(namer: Namer, sort: str, rest: str) -> Entity:
    domain = split_host(rest.removeprefix("=").lower()).registrable
    if rest.startswith("=") and domain:
        return namer.entity(sort, f"={domain}")
    name = skeleton(domain) if domain else _matched(_SKELETON, rest)[0]
    if not name:
        raise _UnreadableError
    return namer.entity(sort, name)


_READERS: Final[Mapping[str, Callable[[Namer, str, str], Entity]]] = MappingProxyType(
    {
        "dkim": _domain,
        "spf": _domain,
        "claimed": _domain,
        "address": _address,
        "ip": _ip,
        "network": _of_network,
        "route": _route,
        "helo": _registrable,
        "account": _account,
        "link": _registrable,
        "attachment": _attachment,
        "content": _content,
        "signature": _signature,
        "pair": _pair,
        "name": _name,
        "likeness": _likeness,
    }
)
