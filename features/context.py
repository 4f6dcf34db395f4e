"""What the pure core must be told about an installation: bounds, our own names, keyed hashing."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

__all__ = ["Context", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read of one message. Never on time, so that replay gives the same."""

    message_bytes: int = 1_000_000
    headers: int = 1_000
    header_bytes: int = 262_144
    parts: int = 200
    depth: int = 8
    text_bytes: int = 262_144
    html_nodes: int = 20_000
    links: int = 500
    tokens: int = 4_000
    attachments: int = 64
    unpacked_bytes: int = 4_194_304
    opened: int = 12
    opened_bytes: int = 4_194_304


@dataclass(frozen=True, slots=True)
class Context:
    """An installation's own names and keys, as far as the core needs them.

    `authserv_ids` are the authentication service identifiers (RFC 8601) that are ours; an
    Authentication-Results header that bears one is believed only if `upstream_verifies`, and is
    a forgery otherwise. `hash_key` keys the hashes of personal addresses (HMAC-SHA256).
    """

    limits: Limits = Limits()
    authserv_ids: frozenset[str] = frozenset()
    upstream_verifies: bool = False
    trusted_relays: tuple[IPv4Network | IPv6Network, ...] = ()
    trusted_sealers: frozenset[str] = frozenset()
    hash_key: bytes = field(default=b"", repr=False)
    hash_key_id: str = "0"
    token_salt: int = field(default=2_654_435_761, repr=False)

    def __hash__(self) -> int:
        """Hash what tells installations apart: it is a key of caches, a dozen times a message."""
        return hash(self.hash_key)
