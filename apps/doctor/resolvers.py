"""What the hook looks facts up with: one that is silent costs facts, and nothing else says so."""

import time
from ipaddress import IPv4Address
from typing import Final

from apps.doctor.finding import Finding, fault, fine, warning
from apps.hook.verifying.blocklists import question
from apps.hook.verifying.resolver import Resolver, UnansweredError
from streams.dns_servers import Server, parse_server
from streams.settings import Settings, SettingsError

__all__ = ["look_at_resolvers"]

_SUBJECT: Final = "dns"
_SECONDS: Final = 3.0
_NAME: Final = "example.com"  # RFC 2606, 3: that it is there doesn't hang on anybody's service
_LISTED: Final = IPv4Address("127.0.0.2")  # RFC 5782, 5: every blocklist lists it, as a test


async def look_at_resolvers(settings: Settings) -> list[Finding]:
    """Return a finding for each resolver and each blocklist; none where the hook asks nobody."""
    if not settings.hook.verify:
        return []
    found = []
    if settings.identity.upstream_verifies:
        found.append(
            warning(
                _SUBJECT,
                "hook.verify and identity.upstream_verifies are both true: mail is checked twice",
                "set the one false that isn't wanted (docs/verifying.md)",
            )
        )
    elif not settings.identity.authserv_ids:
        found.append(
            warning(
                _SUBJECT,
                "hook.verify without identity.authserv_ids: no Authentication-Results are written",
                'name this host, such as authserv_ids = ["mx.example.org"]',
            )
        )
    found += [await _resolver(text) for text in settings.dns.servers or ("",)]
    if all(finding.level != "fault" for finding in found):
        found += [await _blocklist(zone, settings) for zone in settings.dns.blocklists]
    return found


async def _resolver(text: str) -> Finding:
    servers = [parse_server(text)] if text else []
    name = text or "the system's resolver"
    begun = time.monotonic()
    try:
        await _records(_NAME, servers)
    except (UnansweredError, SettingsError) as error:
        return fault(
            _SUBJECT,
            f"{name}: no answer on {_NAME} ({error})",
            "mend dns.servers: each message waits dns.budget_seconds, and no fact is known of it",
        )
    return fine(_SUBJECT, f"{name} answers, in {(time.monotonic() - begun) * 1000:.0f} ms")


async def _blocklist(zone: str, settings: Settings) -> Finding:
    try:
        servers = [parse_server(server) for server in settings.dns.servers]
        records = await _records(question(_LISTED, zone), servers)
        codes = [r for r in records if r.startswith("127.") and not r.startswith("127.255.255.")]
        said = f"says {records[0]}" if records else "doesn't list 127.0.0.2, as every list does"
    except UnansweredError as error:
        codes, said = [], f"doesn't answer ({error})"
    if codes:
        return fine(_SUBJECT, f"{zone} answers")
    return warning(
        _SUBJECT,
        f"{zone} {said}",
        "ask it by a resolver of your own: lists refuse public ones; or leave it out",
    )


async def _records(name: str, servers: list[Server]) -> tuple[str, ...]:
    resolver = Resolver(servers, timeout=_SECONDS, most=0)
    try:
        return (await resolver.look_up(name, "A")).records
    finally:
        await resolver.close()
