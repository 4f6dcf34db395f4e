"""The token of a message: its id and log position, signed, so that a report leads back to it.

    X-Weir-Id: v1.<id>.<epoch>.<partition>.<offset>.<mac>

The mac is HMAC-SHA256 over what precedes it, cut to 96 bits, 24 hex digits. A message that never
reached the log has three `-` for its position. A token says nothing of tenants: whoever looks the
message up compares its tenant with the label's.
"""

import hmac
import re
from typing import Final, NamedTuple

from features.envelope import LogPosition

__all__ = ["HEADER", "Token", "id_in", "read_token", "sign_token"]

HEADER: Final = "X-Weir-Id"

_MAC_BYTES: Final = 12
_NOWHERE: Final = ("-", "-", "-")
_LONGEST: Final = 320  # characters: an id of 128, an epoch of 64, two numbers, the mac
_TOKEN: Final = re.compile(
    r"v1\.([A-Za-z0-9][A-Za-z0-9._:@+-]{0,127})"
    r"\.([A-Za-z0-9]{1,64}|-)\.(0|[1-9][0-9]{0,9}|-)\.(0|[1-9][0-9]{0,18}|-)\.([0-9a-f]{24})"
)
_INT64 = 2**63


class Token(NamedTuple):
    """What a token of ours says: a message's id, and where it lies, None if it never was there."""

    id: str
    position: LogPosition | None


def sign_token(key: bytes, identifier: str, position: LogPosition | None) -> str:
    """Return the token of a message; raises ValueError for an id or an epoch it can't carry."""
    place = _NOWHERE if position is None else tuple(map(str, position))
    said = ".".join(("v1", identifier, *place))
    token = f"{said}.{_mac(key, said)}"
    if _split(token) != (identifier, position):
        raise ValueError(f"message id {identifier!r} or position {position} doesn't fit a token")
    return token


def read_token(key: bytes, text: str) -> Token | None:
    """Return what a token says if it was signed with our key, else None; surrounding space is off.

    Forged ones and those of another installation can't be told apart.
    """
    text = text.strip() if len(text) <= 2 * _LONGEST else ""
    parts = _split(text)
    said, _, mac = text.rpartition(".")
    if parts is None or not key or not hmac.compare_digest(_mac(key, said), mac):
        return None
    return parts


def id_in(text: str) -> str:
    """Return the message id that a token names, signed by us or not; '' for what is no token."""
    parts = _split(text)
    return parts.id if parts else ""


def _split(text: str) -> Token | None:
    found = _TOKEN.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    identifier, epoch, partition, offset, _ = found.groups()
    if (epoch, partition, offset) == _NOWHERE:
        return Token(identifier, None)
    if "-" in {epoch, partition, offset} or int(partition) >= 2**31 or int(offset) >= _INT64:
        return None
    return Token(identifier, LogPosition(epoch, int(partition), int(offset)))


def _mac(key: bytes, said: str) -> str:
    return hmac.digest(key, said.encode(), "sha256")[:_MAC_BYTES].hex()
