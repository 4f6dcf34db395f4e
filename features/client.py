"""Which host handed the message to us: the first hop outside our own relays."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from features.context import Context
from features.envelope import Envelope
from features.headers import Hop

__all__ = ["client_ip", "client_network", "is_inside", "parse_ip", "written_ip"]


@lru_cache(maxsize=16_384)
def parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address literal; an IPv4-mapped one (RFC 4291, 2.5.5.2) as IPv4, garbage as None."""
    try:
        address = ip_address(text.strip().strip("[]").removeprefix("IPv6:"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without a zone (RFC 4007)
    return address


@lru_cache(maxsize=16_384)
def written_ip(text: str) -> str:
    """Return an address literal in the one form that all ways to write it share, '' for garbage."""
    address = parse_ip(text)
    return "" if address is None else str(address)


def client_ip(envelope: Envelope, hops: Sequence[Hop], context: Context) -> str:
    """Return the client's address; behind `trusted_relays` the first hop outside, '' if unknown.

    Received headers are read from the top and only as long as a relay of ours wrote them:
    what lies below is the sender's own claim. Loopback counts as ours.
    """
    ip = envelope.client.ip or ""
    address = parse_ip(ip)
    if address is None:
        return ""
    if not is_inside(address, context.trusted_relays):
        return written_ip(ip)  # before any hop is read
    for hop in hops:
        if not is_inside(address, context.trusted_relays):
            break
        if not hop.ip and not hop.helo:
            continue  # a process of ours that took the message from another, not from a client
        found = parse_ip(hop.ip)
        if found is None:
            return ""
        address, ip = found, hop.ip
    return written_ip(ip)


@lru_cache(maxsize=16_384)
def client_network(ip: str, ipv6_bits: int = 48) -> str:
    """Return the address's network in CIDR notation, /24 or /48; '' for no address."""
    address = parse_ip(ip)
    if address is None:
        return ""
    bits = 24 if address.version == 4 else ipv6_bits
    return str(ip_network(f"{address}/{bits}", strict=False))


def is_inside(
    address: IPv4Address | IPv6Address, relays: Iterable[IPv4Network | IPv6Network]
) -> bool:
    """Tell whether a hop from there is one of ours: loopback (content filters) or a relay."""
    return address.is_loopback or any(address in network for network in relays)
