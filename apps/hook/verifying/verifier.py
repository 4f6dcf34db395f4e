"""What the edge can find out about a message by itself, within a budget, as facts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import ip_network

from apps.hook.verifying.blocklists import listings
from apps.hook.verifying.resolver import Resolver
from apps.hook.verifying.spf import check_spf
from features.client import parse_ip
from features.context import Context
from features.envelope import Envelope, Fact
from streams.dns_servers import parse_server
from streams.settings import Settings

__all__ = ["SOURCE", "Verifier"]

SOURCE = "hook"  # what facts of ours name as theirs

_AT_ONCE = 100  # messages; those beyond go without facts


class Verifier:
    """Checks SPF, DKIM, DMARC and ARC, and asks blocklists, for one message at a time or many."""

    def __init__(
        self, resolver: Resolver, context: Context, blocklists: tuple[str, ...], budget: float
    ) -> None:
        self._resolver = resolver
        self._context = context
        self._blocklists = blocklists
        self._budget = budget
        self._at_work = 0

    @classmethod
    def of(cls, settings: Settings) -> "Verifier":
        """Make the verifier that the settings ask for; raises NoResolverError."""
        dns = settings.dns
        resolver = Resolver(
            [parse_server(server) for server in dns.servers],
            timeout=dns.timeout_seconds,
            most=dns.kept_answers,
        )
        relays = settings.identity.trusted_relays
        context = Context(trusted_relays=tuple(ip_network(net, strict=False) for net in relays))
        return cls(resolver, context, dns.blocklists, dns.budget_seconds)

    async def facts(
        self,
        envelope: Envelope,
        raw: bytes,  # noqa: ARG002 - its signatures come next
        deadline: float,
    ) -> dict[str, Fact]:
        """Return what could be found out by `deadline` (the event loop's clock, seconds).

        It never raises and never takes longer than the deadline or `dns.budget_seconds`,
        whichever comes first: what is late is missing. `raw` is the message as it came, before
        anything is cut from it; cut, its signatures can't be checked. Outbound mail has no facts:
        our users' addresses are in nobody's SPF record.

        The names are those that features.authentication reads (docs/topics/envelope.md): `spf`,
        `spf.domain`, `dkim`, `dkim.domains`, `dmarc`, `dmarc.policy`, `dmarc.domain`, `arc`,
        `arc.sealer`, and `dnsbl.ZONE` of each blocklist, its codes or False.
        """
        if envelope.direction == "outbound" or envelope.user or self._at_work >= _AT_ONCE:
            return {}
        found: dict[str, str | bool] = {}
        self._at_work += 1
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(deadline, now + self._budget)):
                await self._find(envelope, found)
        except TimeoutError:
            pass
        finally:
            self._at_work -= 1
        at = datetime.now(UTC)
        return {name: Fact(value, SOURCE, at) for name, value in found.items()}

    async def close(self) -> None:
        """Give up what is still looked up."""
        await self._resolver.close()

    async def _find(self, envelope: Envelope, found: dict[str, str | bool]) -> None:
        """Fill in what is found as soon as it is, so that one slow server takes one fact."""
        parts: list[Callable[[], Awaitable[None]]] = [
            lambda: self._spf(envelope, found),
            lambda: self._listed(envelope, found),
        ]
        await asyncio.gather(*(part() for part in parts))

    async def _spf(self, envelope: Envelope, found: dict[str, str | bool]) -> None:
        address = parse_ip(envelope.client.ip or "")
        if address is None or envelope.mail_from is None:
            return
        helo = envelope.client.helo or ""
        spf = await check_spf(address, envelope.mail_from, helo, self._resolver)
        found["spf"], found["spf.domain"] = spf.result, spf.domain

    async def _listed(self, envelope: Envelope, found: dict[str, str | bool]) -> None:
        address = parse_ip(envelope.client.ip or "")
        if address is not None:
            said = await listings(address, self._blocklists, self._resolver)
            found.update({f"dnsbl.{zone}": codes for zone, codes in said.items()})
