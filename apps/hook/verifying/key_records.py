"""DKIM key records (RFC 6376, 3.6.1): which may be used, before any is reckoned with."""

import base64
import binascii
from typing import Literal, NamedTuple

from dkim.crypto import (  # type: ignore[import-untyped]  # no types
    UnparsableKeyError,
    parse_public_key,
)
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]  # no types

from apps.hook.verifying.resolver import Resolver, UnansweredError
from features.domains import to_ascii

__all__ = ["Key", "KeyFault", "fetch_key"]

KeyFault = Literal["permerror", "temperror"]

_LONGEST_RECORD = 2_048  # characters
_LONGEST_KEY = 800  # of base64: RSA with 4096 bits takes 736
_SMALLEST_MODULUS = 1_024  # bits (RFC 8301, 3.2)
_LARGEST_MODULUS = 4_096
_LARGEST_EXPONENT = 1 << 32


class Key(NamedTuple):
    """A key that may be used: its record, its type (`rsa`, `ed25519`), and its two flags (t=)."""

    record: bytes
    kind: str
    testing: bool
    strict: bool


async def fetch_key(domain: str, selector: str, resolver: Resolver) -> Key | KeyFault:
    """Look up the key of a signature; `permerror` where there is none that may be used."""
    name = f"{to_ascii(selector)}._domainkey.{to_ascii(domain)}"
    try:
        answer = await resolver.look_up(name, "TXT")
    except UnansweredError:
        return "temperror"
    # Other records sometimes stand beside the key; of two keys none says which is meant.
    keys = [record for record in answer.records if "p=" in record.replace(" ", "")]
    if len(keys) != 1:
        return "permerror"
    return read_key(keys[0].encode("latin-1")) or "permerror"


def read_key(record: bytes) -> Key | None:
    """Read a key record; None for one that is revoked, of another use, too weak or too costly."""
    if len(record) > _LONGEST_RECORD:
        return None
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record)
    except InvalidTagValueList:
        return None
    kind = tags.get(b"k", b"rsa")
    value = b"".join(tags.get(b"p", b"").split())
    if not _meant(tags) or not 0 < len(value) <= _LONGEST_KEY or not _usable(kind, value):
        return None
    flags = _listed(tags.get(b"t", b""))
    # What dkimpy reads is written anew: it takes no blanks in a key, and tags of its own only.
    written = b"v=DKIM1; k=" + kind + b"; p=" + value
    return Key(written, kind.decode("ascii"), testing=b"y" in flags, strict=b"s" in flags)


def _meant(tags: dict[bytes, bytes]) -> bool:
    """Tell whether the record is a key for mail, with a hash that is still allowed."""
    services = _listed(tags.get(b"s", b"*"))
    return (
        tags.get(b"v", b"DKIM1") == b"DKIM1"
        and (b"*" in services or b"email" in services)
        and b"sha256" in _listed(tags.get(b"h", b"sha256"))
    )


def _listed(value: bytes) -> list[bytes]:
    return [item.strip().lower() for item in value.split(b":")]


def _usable(kind: bytes, value: bytes) -> bool:
    try:
        der = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return False
    if kind == b"ed25519":
        return len(der) == 32
    if kind != b"rsa":
        return False
    try:
        key = parse_public_key(der)
    except (UnparsableKeyError, AssertionError, IndexError, KeyError):
        return False
    modulus, exponent = int(key["modulus"]), int(key["publicExponent"])
    odd = modulus % 2 == 1 and exponent % 2 == 1
    small = 1 < exponent < _LARGEST_EXPONENT
    return odd and small and _SMALLEST_MODULUS <= modulus.bit_length() <= _LARGEST_MODULUS
