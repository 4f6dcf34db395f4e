"""Allow and deny lists: what an operator vouches for or bars, with a reason and an expiry."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import NamedTuple

from detectors.actions import Override
from detectors.policy import ListEntry, ListKind
from features.addresses import hash_address
from features.client import client_ip, client_network, parse_ip
from features.context import Context
from features.domains import host_suffixes
from features.evidence import Evidence
from features.headers import Headers
from features.mailboxes import parse_mailboxes
from features.urls import read_host

__all__ = [
    "ALLOW_KINDS",
    "DENY_KINDS",
    "Entries",
    "Keys",
    "allow_keys",
    "allowed_address",
    "deny_keys",
    "override_of",
]

# What a sender can't forge: a link or a text says nothing about who sent it.
ALLOW_KINDS: tuple[ListKind, ...] = ("domain", "address", "network")
DENY_KINDS: tuple[ListKind, ...] = ("domain", "address", "network", "url_domain", "fingerprint")


class Keys(NamedTuple):
    """What of a message is looked up: hosts, addresses, the client's IP, fingerprints.

    `hashed` are addresses of which only the keyed hash is known.
    """

    hosts: frozenset[str]
    addresses: frozenset[str]
    client: str
    url_hosts: frozenset[str] = frozenset()
    fingerprint: str = ""
    hashed: frozenset[str] = frozenset()


def allow_keys(evidence: Evidence, context: Context) -> Keys:
    """Return what of a message can be vouched for: only what is proven, and the client's IP."""
    return Keys(
        hosts=frozenset({evidence.authentication.proven} - {""}),
        addresses=frozenset({allowed_address(evidence)} - {""}),
        client=client_ip(evidence.envelope, evidence.headers.hops, context),
    )


def allowed_address(evidence: Evidence) -> str:
    """Return From's address as far as it can be vouched for, '' where it can't.

    It counts where a proven domain is aligned with it, else anyone could write it, and where it is
    the only one: a signature doesn't cover a second From that is put before the first.
    """
    proven, headers = evidence.authentication, evidence.headers
    aligned = proven.proven != "" and proven.aligned is True and _has_one_author(headers)
    return headers.from_.address if aligned else ""


def deny_keys(evidence: Evidence, context: Context) -> Keys:
    """Return what of a message can be barred: whatever it claims, proven or not."""
    mail_from = (evidence.envelope.mail_from or "").lower().strip("<> .")
    from_ = evidence.headers.from_
    written = {evidence.authentication.proven, from_.host, mail_from.rpartition("@")[2]}
    hosts = {host if host.isascii() else read_host(host)[0] for host in written}  # as lists have it
    return Keys(
        hosts=frozenset(hosts - {""}),
        addresses=frozenset({mail_from, from_.address} - {""}),
        client=client_ip(evidence.envelope, evidence.headers.hops, context),
        url_hosts=frozenset(link.host for link in evidence.links.all if link.host),
        fingerprint=evidence.fingerprint,
    )


def _has_one_author(headers: Headers) -> bool:
    authors = {mailbox.address for mailbox in parse_mailboxes(headers.from_raw, 2)} - {""}
    return headers.from_count == len(authors) == 1 and "multi" not in headers.from_faults


class Entries:
    """One list, indexed: a look-up costs the same however long the list is."""

    def __init__(self, name: str, entries: Sequence[ListEntry], context: Context) -> None:
        self._entries = [(entry, override_of(name, entry, context)) for entry in entries]
        self._exact: dict[tuple[ListKind, str], list[int]] = defaultdict(list)
        self._networks: dict[tuple[int, int], dict[int, list[int]]] = {}
        self._hashed: dict[str, list[int]] = defaultdict(list)
        self._narrow: set[str] = set()
        self.kinds = frozenset(entry.kind for entry in entries)
        for place, entry in enumerate(entries):
            if entry.kind == "address":
                self._hashed[hash_address(entry.value, context)].append(place)
            if entry.kind == "network":
                network = ip_network(entry.value)
                bits = network.max_prefixlen - network.prefixlen
                by_prefix = self._networks.setdefault((network.version, bits), defaultdict(list))
                by_prefix[int(network.network_address) >> bits].append(place)
                around = client_network(str(network.network_address))
                if network.prefixlen > ip_network(around).prefixlen:
                    self._narrow.add(around)
            else:
                self._exact[entry.kind, entry.value.lower()].append(place)

    def __bool__(self) -> bool:
        """Say whether there is any entry."""
        return bool(self._entries)

    def splits(self, network: str) -> bool:
        """Say whether an entry holds a part of a client's network (features.client) only."""
        return network in self._narrow

    def match(self, keys: Keys, received_at: datetime) -> tuple[Override, ...]:
        """Return what the entries that match and haven't expired decide, in the file's order."""
        places = set(self._addressed(keys.client))
        for address in keys.addresses:
            places.update(self._exact.get(("address", address.lower()), ()))
        for hashed in keys.hashed:
            places.update(self._hashed.get(hashed, ()))
        by_kind: tuple[tuple[ListKind, frozenset[str]], ...] = (
            ("domain", keys.hosts),
            ("url_domain", keys.url_hosts),
        )
        for kind, hosts in by_kind:
            for host in hosts:
                for suffix in host_suffixes(host):
                    places.update(self._exact.get((kind, suffix), ()))
        places.update(self._exact.get(("fingerprint", keys.fingerprint.lower()), ()))
        found = (self._entries[place] for place in sorted(places))
        return tuple(
            override
            for entry, override in found
            if entry.expires is None or received_at < entry.expires
        )

    def _addressed(self, client: str) -> list[int]:
        address = parse_ip(client)
        if address is None:
            return []
        places: list[int] = []
        for (version, bits), networks in self._networks.items():
            if version == address.version:
                places += networks.get(int(address) >> bits, ())
        return places


def override_of(name: str, entry: ListEntry, context: Context) -> Override:
    """Return what an entry of the list `name` decides, as verdicts name it."""
    # A verdict holds no personal address: a list entry for one is named by its hash.
    value = hash_address(entry.value, context) if entry.kind == "address" else entry.value
    return Override(f"{name}:{entry.kind}:{value}", entry.action, entry.reason)
