"""Which client SPF is checked for and blocklists are asked of: the first one outside."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

from apps.hook.verifying.splitting import Split
from features.client import is_inside, parse_ip
from features.envelope import Envelope
from features.header_block import Header
from features.trace_fields import Hops

__all__ = ["Outside", "behind_relays", "direct_client"]

_HOPS = 50

Relays = Sequence[IPv4Network | IPv6Network]


class Outside(NamedTuple):
    """A client that isn't ours, and what it said at HELO."""

    address: IPv4Address | IPv6Address
    helo: str


def direct_client(envelope: Envelope, relays: Relays) -> Outside | None:
    """Return the client that speaks to us, None where it is a relay of ours or unknown."""
    address = parse_ip(envelope.client.ip or "")
    if address is None or is_inside(address, relays):
        return None
    return Outside(address, envelope.client.helo or "")


def behind_relays(envelope: Envelope, message: Split, relays: Relays) -> Outside | None:
    """Return the client that handed the message to the first of our relays, None if unknown.

    Received fields are believed from the top, only as far as a relay of ours wrote them
    (features.client.client_ip does the same).
    """
    address = parse_ip(envelope.client.ip or "")
    helo = ""
    values = message.all(b"received")[:_HOPS]
    hops = Hops([Header("received", value.decode("latin-1").strip()) for value in values])
    for hop in hops:
        if address is None or not is_inside(address, relays):
            break
        if hop.ip or hop.helo:  # else a process of ours handed it to another
            address, helo = parse_ip(hop.ip), hop.helo
    if address is None or is_inside(address, relays):
        return None
    return Outside(address, helo)
