"""Entities' names, and the keys made of them: 96 bits of keyed hashes over kind, scope and name."""

import hashlib
import re
from functools import lru_cache
from typing import Final

from features.addresses import hash_address
from features.client import client_network, parse_ip, written_ip
from features.context import Context
from features.domains import split_host
from features.hosts import MAIL_SERVICES, is_freemail
from features.rolling import KINDS, Entity

__all__ = [
    "ALL_MAIL",
    "OUTBOUND_MAIL",
    "UNKNOWN_NETWORK",
    "Namer",
    "concerns",
    "domain_of",
    "ip_name",
    "proof_name",
]

UNKNOWN_NETWORK: Final = "unknown"
ALL_MAIL: Final = "*"
"""The name of the route that all mail takes: its first sight is the state's own."""
OUTBOUND_MAIL: Final = "*outbound@"
"""Before a tenant: the route that all mail of its users takes, if the state sees what they send."""
_KEY_BYTES = 12
_LONGEST_KEPT = 512  # characters of a name that is kept from message to message
_LONGEST_HOST = 253  # RFC 1035, 2.3.4
_KEPT = 32_768
_BY_TENANT: Final = {name: kind.by_tenant for name, kind in KINDS.items()}
_PERSON = re.compile(r"[^:/@,\s]+:([0-9a-f]{32})")  # an address's keyed hash in a name
_MARK_BYTES = 3


class Namer:
    """Makes the entities of one installation (its `hash_key`) and one tenant.

    Entities of kinds that are `by_tenant` are scoped to the tenant, all others are shared.
    """

    __slots__ = ("_context", "_hash_key", "_secret_key", "_tenant")

    def __init__(self, context: Context, tenant: str) -> None:
        self._context = context
        self._hash_key = context.hash_key
        self._secret_key = _key(context.hash_key)
        self._tenant = tenant

    def entity(self, kind: str, name: str) -> Entity:
        """Return the entity of a kind's and its own name; KeyError for an unknown kind."""
        scope = self._tenant if _BY_TENANT[kind] else ""
        make = _kept if len(name) + len(scope) <= _LONGEST_KEPT else _made
        return make(kind, scope, name, self._hash_key)

    def outbound_mail(self) -> Entity:
        """Return the entity of all mail that the tenant's users send."""
        return self.entity("route", f"{OUTBOUND_MAIL}{self._tenant}")

    def person(self, address: str) -> str:
        """Return the keyed hash that stands for an address or a login name in names."""
        return hash_address(address, self._context)

    def hidden_name(self, key: str) -> str:
        """Return the keyed hash that stands for a folded display name in names."""
        return self.secret(b"weir name", key).hex()

    def secret(self, purpose: bytes, text: str) -> bytes:
        """Return 16 bytes of a keyed hash of what no name may show, scoped to the tenant."""
        digest = hashlib.blake2b(digest_size=16, key=self._secret_key, person=purpose)
        digest.update(_octets(f"{len(self._tenant)}:{self._tenant}{text}"))
        return digest.digest()


def domain_of(host: str) -> str:
    """Return the registrable domain of a (lower-case) host, the host itself where it has none."""
    return split_host(host).registrable or host[:_LONGEST_HOST]


def proof_name(proof: str, host: str, person: str, network: str = "") -> str:
    """Return the name of a sender's domain under a proof ("dkim", "spf", "claimed").

    `person` is the hash of the author's address. Where anyone may have an address (free mail), or
    many customers share a domain (mail services, unless DKIM's d= names the customer's own), the
    sender is the address. A claimed name counts for the client's network alone (CIDR notation).
    """
    domain = domain_of(host)
    if is_freemail(host):
        name = f"{domain}/{person}"
    elif domain in MAIL_SERVICES:
        own = proof == "dkim" and host != domain
        name = host[:_LONGEST_HOST] if own else f"{domain}/{person}"
    else:
        name = domain
    return (
        f"{proof}:{name}@{network or UNKNOWN_NETWORK}" if proof == "claimed" else f"{proof}:{name}"
    )


def ip_name(ip: str) -> str:
    """Return an address's name: IPv4 as it is, IPv6 as its /64 (RFC 4291, 2.5.4); '' for none."""
    address = parse_ip(ip)
    if address is None:
        return ""
    return written_ip(ip) if address.version == 4 else client_network(ip, 64)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def concerns(key: bytes, person: str) -> bool:
    """Tell whether an entity's key bears the mark of an address's keyed hash.

    A key ends in 3 bytes of the hash of each person in the entity's name, at most two, so that
    what is kept of somebody can be found without keeping whom it is of. One key in 2^23 bears a
    mark by chance.
    """
    mark = _mark(person[-32:])
    return mark in (key[-_MARK_BYTES:], key[-2 * _MARK_BYTES : -_MARK_BYTES])


def _mark(person: str) -> bytes:
    return bytes.fromhex(person[-2 * _MARK_BYTES :])


def _made(kind: str, scope: str, name: str, hash_key: bytes) -> Entity:
    known = KINDS[kind]
    digest = hashlib.blake2b(digest_size=_KEY_BYTES, key=_key(hash_key), person=b"weir entity")
    digest.update(_octets(f"{known.code}{len(scope)}:{scope}{name}"))
    marks = b"".join([_mark(person) for person in _PERSON.findall(name)[:2]])
    label = name if kind == "domain" else f"{kind}:{name}"
    return Entity(known, digest.digest()[: _KEY_BYTES - len(marks)] + marks, label)


_kept = lru_cache(maxsize=_KEPT)(_made)


@lru_cache(maxsize=4)
def _key(hash_key: bytes) -> bytes:
    """Return a key of at most the 64 bytes that BLAKE2b takes."""
    return hash_key if len(hash_key) <= 64 else hashlib.sha256(hash_key).digest()
