"""What the edge can find out about a message by itself, within a budget, as facts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, TypeVar

import structlog

from apps.hook.fields import CHECKED_BY_HOOK
from apps.hook.verifying.blocklists import listings
from apps.hook.verifying.chains import check_chain
from apps.hook.verifying.client import Outside, Relays, behind_relays, direct_client
from apps.hook.verifying.dmarc import author_domain, conclude, published
from apps.hook.verifying.resolver import Resolver, UnansweredError
from apps.hook.verifying.signatures import Checked, overall, signature_checks
from apps.hook.verifying.spf import Spf, check_spf
from apps.hook.verifying.splitting import Split, split_message
from features.authentication_results import Result
from features.envelope import Envelope, Fact
from streams.dns_servers import parse_server
from streams.settings import Settings

__all__ = ["Verifier"]

_AT_ONCE = 100  # messages; those beyond go without facts
_THREADS = 2  # arithmetic holds the interpreter: more would only wait for each other

_Found = dict[str, str | bool]
_Marks = Sequence[asyncio.Task[Checked | None]]
_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class Verifier:
    """Checks SPF, DKIM, DMARC and ARC, and asks blocklists, for many messages at a time.

    `relays` are networks of our own: behind them the client is whom they name. `budget` is in
    seconds. The verifier closes the resolver that it was given.
    """

    def __init__(
        self, resolver: Resolver, relays: Relays, blocklists: tuple[str, ...], budget: float
    ) -> None:
        self._resolver = resolver
        self._relays = relays
        self._blocklists = blocklists
        self._budget = budget
        self._at_work = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="verifying")

    @classmethod
    def of(cls, settings: Settings) -> "Verifier":
        """Make the verifier that the settings ask for; raises SettingsError."""
        dns = settings.dns
        resolver = Resolver(
            [parse_server(server) for server in dns.servers],
            timeout=dns.timeout_seconds,
            most=dns.kept_answers,
        )
        relays = [ip_network(net, strict=False) for net in settings.identity.trusted_relays]
        return cls(resolver, relays, dns.blocklists, dns.budget_seconds)

    async def facts(self, envelope: Envelope, raw: bytes, deadline: float) -> dict[str, Fact]:
        """Return what could be found out by `deadline` (the event loop's clock, seconds).

        It never raises and never takes longer than the deadline or `dns.budget_seconds`,
        whichever comes first: what is late is missing. `raw` is the message as it came, before
        anything is cut from it; cut, its signatures can't be checked. Outbound mail has no facts:
        our users' addresses are in nobody's SPF record.

        The names are those that features.authentication reads (docs/topics/envelope.md): `spf`,
        `spf.domain`, `dkim`, `dkim.domains`, `dmarc`, `arc`, `arc.sealer`; beside them
        `dmarc.domain` (From's) and `dmarc.policy` (what it asks for), and `dnsbl.ZONE` of each
        blocklist, its codes or False.
        """
        if envelope.direction == "outbound" or envelope.user or self._at_work >= _AT_ONCE:
            return {}
        found: _Found = {}
        self._at_work += 1
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(deadline, now + self._budget)):
                await self._find(envelope, raw, found)
        except TimeoutError:
            pass  # what came in time is in `found`
        except Exception:
            log.exception("facts_failed")
        finally:
            self._at_work -= 1
        at = datetime.now(UTC)
        return {name: Fact(value, CHECKED_BY_HOOK, at) for name, value in found.items()}

    async def close(self) -> None:
        """Give up what is still looked up or worked out."""
        await self._resolver.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _find(self, envelope: Envelope, raw: bytes, found: _Found) -> None:
        """Fill in what is found as soon as it is, so that a slow server costs its own fact only."""
        async with asyncio.TaskGroup() as group:
            message = group.create_task(self._split(raw))
            client = group.create_task(self._client(envelope, message))
            spf = group.create_task(_guarded(self._spf(envelope, client, found)))
            group.create_task(_guarded(self._listed(client, found)))
            split = await message
            cut = envelope.truncated is not None and len(raw) < envelope.truncated.size
            if split is None or cut:
                return
            marks = [
                group.create_task(_guarded(check))
                for check in signature_checks(split, self._resolver, self._threads)
            ]
            group.create_task(_guarded(_signatures(marks, found)))
            group.create_task(_guarded(self._chain(split, found)))
            group.create_task(_guarded(self._dmarc(split, spf, marks, found)))

    async def _split(self, raw: bytes) -> Split | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, split_message, raw)

    async def _client(
        self, envelope: Envelope, message: asyncio.Task[Split | None]
    ) -> Outside | None:
        direct = direct_client(envelope, self._relays)
        if direct is not None or envelope.client.ip is None:
            return direct
        split = await message
        return None if split is None else behind_relays(envelope, split, self._relays)

    async def _spf(
        self, envelope: Envelope, client: asyncio.Task[Outside | None], found: _Found
    ) -> Spf | None:
        outside = await client
        if outside is None or envelope.mail_from is None:
            return None
        spf = await check_spf(outside.address, envelope.mail_from, outside.helo, self._resolver)
        found |= {"spf": spf.result, "spf.domain": spf.domain}
        return spf

    async def _listed(self, client: asyncio.Task[Outside | None], found: _Found) -> None:
        outside = await client
        if outside is not None:
            said = await listings(outside.address, self._blocklists, self._resolver)
            found |= {f"dnsbl.{zone}": codes for zone, codes in said.items()}

    async def _chain(self, message: Split, found: _Found) -> None:
        chain = await check_chain(message, self._resolver, self._threads)
        if chain.result != "missing":
            found["arc"] = chain.result
        if chain.result == "pass":
            found["arc.sealer"] = chain.sealer

    async def _dmarc(
        self, message: Split, spf: asyncio.Task[Spf | None], marks: _Marks, found: _Found
    ) -> None:
        author = author_domain(message)
        if not author:
            found["dmarc"] = "permerror"
            return
        found["dmarc.domain"] = author
        try:
            asked = await published(author, self._resolver)
        except UnansweredError:
            found["dmarc"] = "temperror"
            return
        if asked is None:
            found["dmarc"] = "none"
            return
        if asked.policy is not None:
            found["dmarc.policy"] = asked.policy
        result: Result = "missing"
        # One proof is enough, so that a server that is slow to give another takes nothing from it.
        async for _ in _progress([spf, *marks]):
            known = spf.result() if spf.done() else None
            result = await conclude(asked, known, _done(marks), self._resolver)
            if result == "pass":
                break
        # A message whose client nobody knows may have been allowed by it.
        if result != "fail" or spf.result() is not None:
            found["dmarc"] = result


async def _progress(tasks: Sequence[asyncio.Task[Any]]) -> AsyncIterator[None]:
    """Come back each time that some more of the tasks are done."""
    pending = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        yield


def _done(marks: _Marks) -> list[Checked]:
    results = [mark.result() for mark in marks if mark.done()]
    return [result for result in results if result is not None]


async def _signatures(marks: _Marks, found: _Found) -> None:
    async for _ in _progress(marks):
        passed = [mark.domain for mark in _done(marks) if mark.result == "pass"]
        if passed:
            found |= {"dkim": "pass", "dkim.domains": " ".join(dict.fromkeys(passed))}
    found["dkim"] = overall(_done(marks))


async def _guarded(part: Awaitable[_T]) -> _T | None:
    """Await a part; a defect in it costs its own facts, none of the others'."""
    try:
        return await part
    except Exception:
        log.exception("fact_failed")
        return None
