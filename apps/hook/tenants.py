"""Whose a message is, and which way it goes: by its listener, its domains and its client."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

from apps.hook.submission import TENANT, Submission
from features.client import parse_ip
from features.envelope import Direction
from streams.hook_sections import HookSection
from streams.settings import SettingsError

__all__ = ["DEFAULT", "Share", "Tenants"]

DEFAULT: Final = "default"
_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_LABELS: Final = 127  # of a domain name (RFC 1035)


class Share(NamedTuple):
    """The recipients of a message that one tenant answers for.

    `domains` are those of `hook.tenants` that made them the tenant's, in order of appearance.
    """

    tenant: str
    recipients: tuple[str, ...]
    domains: tuple[str, ...] = ()


class Tenants:
    """Knows `hook.tenants` and `hook.own_networks`; raises SettingsError for what it can't read."""

    def __init__(self, section: HookSection) -> None:
        self._by_domain = dict(_entry(text) for text in section.tenants)
        self._own = tuple(_network(text) for text in section.own_networks)

    def direction(self, submission: Submission) -> Direction:
        """Return which way a message goes: mail of users and own networks goes out."""
        if submission.listener.direction != "auto":
            return submission.listener.direction
        if submission.user:
            return "outbound"
        address = parse_ip(submission.client.ip or "")
        inside = address is not None and any(address in net for net in self._own)
        return "outbound" if inside else "inbound"

    def shares(self, submission: Submission, direction: Direction) -> tuple[Share, ...]:
        """Return who answers for which recipients: at least one share, each tenant once.

        A listener's tenant answers for all of them, and so does the one whose user sends.
        """
        recipients = submission.rcpt_to
        if submission.listener.tenant:
            return (Share(submission.listener.tenant, recipients),)
        if not self._by_domain:
            return (Share(DEFAULT, recipients),)
        if direction == "outbound":
            for address in (submission.user or "", submission.mail_from or ""):
                domain = self._known(address)
                if domain:
                    return (Share(self._by_domain[domain], recipients, (domain,)),)
            return (Share(DEFAULT, recipients),)
        found: dict[str, tuple[list[str], dict[str, None]]] = {}
        for address in recipients:
            domain = self._known(address)
            tenant = self._by_domain[domain] if domain else DEFAULT
            theirs, domains = found.setdefault(tenant, ([], {}))
            theirs.append(address)
            if domain:
                domains[domain] = None
        return tuple(
            Share(tenant, tuple(theirs), tuple(domains))
            for tenant, (theirs, domains) in found.items()
        ) or (Share(DEFAULT, ()),)

    def _known(self, address: str) -> str:
        """Return the domain of `hook.tenants` that an address lies in or below, the longest."""
        labels = address.rpartition("@")[2].lower().rstrip(".").split(".")[-_LABELS:]
        return next((name for name in _names(labels) if name in self._by_domain), "")


def _names(labels: Sequence[str]) -> list[str]:
    return [".".join(labels[at:]) for at in range(len(labels))]


def _entry(text: str) -> tuple[str, str]:
    domain, equals, tenant = text.partition("=")
    domain, tenant = domain.strip().lower().rstrip("."), tenant.strip()
    if not equals or not _DOMAIN.fullmatch(domain) or not TENANT.fullmatch(tenant):
        raise SettingsError(
            f"hook.tenants: {text!r} given, allowed: `domain=tenant`, such as "
            '"example.org=acme" (a domain in ASCII)'
        )
    return domain, tenant


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f"hook.own_networks: {text!r} given, allowed: addresses and networks (CIDR)"
        ) from None
