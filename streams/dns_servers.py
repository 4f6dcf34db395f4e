"""Addresses of resolvers and names of blocklists, as the settings give them."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from streams.hook_sections import DnsSection

__all__ = ["Server", "inconsistent_dns", "parse_server"]

_PORT = 53
_ZONE = re.compile(
    r"(?=.{1,190}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}", re.IGNORECASE
)


class Server(NamedTuple):
    """Where a resolver answers: an address literal and a port."""

    address: str
    port: int


def parse_server(text: str) -> Server:
    """Read `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    if text.count(":") != 1 and not text.startswith("["):  # an address alone, of either family
        host, colon, port = text, "", ""
    if text.startswith("[") and text.endswith("]"):
        host, colon, port = text, "", ""
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65_536):
        raise ValueError(f"{text!r} has no port between 1 and 65535")
    address = ip_address(host.removeprefix("[").removesuffix("]"))
    return Server(str(address), int(port) if colon else _PORT)


def inconsistent_dns(dns: DnsSection) -> Iterator[str]:
    """Say of each address or zone that can't be used which it is and what is allowed."""
    for server in dns.servers:
        try:
            parse_server(server)
        except ValueError:
            yield (
                f"dns.servers = {server!r}; allowed: ADDRESS, ADDRESS:PORT or [IPV6]:PORT, "
                "ports 1 to 65535"
            )
    for zone in dns.blocklists:
        if not _ZONE.fullmatch(zone):
            yield f"dns.blocklists = {zone!r}; allowed: domain names, at most 190 characters"
