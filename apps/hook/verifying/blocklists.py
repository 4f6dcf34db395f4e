"""DNS blocklists asked of the client's address (RFC 5782)."""

import asyncio
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from apps.hook.verifying.resolver import Resolver, UnansweredError

__all__ = ["listings", "question"]

_MOST_CODES = 8
_CODE = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}")


def question(address: IPv4Address | IPv6Address, zone: str) -> str:
    """Return the name that is asked: octets or nibbles in reverse (RFC 5782, 2.1 and 2.4)."""
    reverse = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{reverse}.{zone.strip('.').lower()}"


async def listings(
    address: IPv4Address | IPv6Address, zones: Sequence[str], resolver: Resolver
) -> dict[str, str | bool]:
    """Return by zone the codes it lists the address with, separated by blanks, or False.

    Only answers in 127.0.0.0/8 are codes. A zone that fails, refuses us (127.255.255.x: Spamhaus
    and others say so to open resolvers and heavy users) or answers anything else has no entry:
    nobody said that the address isn't listed. Private addresses aren't asked for.
    """
    if not address.is_global:
        return {}
    unique = list(dict.fromkeys(zone.strip(".").lower() for zone in zones))
    said = await asyncio.gather(*(_ask(question(address, zone), resolver) for zone in unique))
    return {zone: codes for zone, codes in zip(unique, said, strict=True) if codes is not None}


async def _ask(name: str, resolver: Resolver) -> str | bool | None:
    try:
        answer = await resolver.look_up(name, "A")
    except UnansweredError:
        return None
    if not answer.records:
        return False
    codes = [
        record
        for record in answer.records
        if _CODE.fullmatch(record) and not record.startswith("127.255.255.")
    ]
    # One refusal among the codes spoils none of them; a list of others is no list at all.
    return " ".join(sorted(codes)[:_MOST_CODES]) if codes else None
