"""Limits on outbound mail put to a request of Postfix: who it is, what is counted, what is said."""

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from ipaddress import IPv4Address, ip_network
from typing import Final, Self

import structlog
from prometheus_client import CollectorRegistry

from apps.hook.policyd.counters import Counters, CountersError, Kind, Occasion, Tally
from apps.hook.policyd.memory_counters import MemoryCounters
from apps.hook.policyd.metrics import PolicydMetrics
from apps.hook.policyd.protocol import Request, answer
from apps.hook.policyd.redis_counters import RedisCounters
from apps.hook.submission import Listener, Submission
from apps.hook.tenants import Tenants
from detectors.limits import Limit
from detectors.policy import Policy, PolicySet
from features.client import parse_ip
from features.envelope import Client, Direction
from streams.keys import Keys
from streams.settings import Settings

__all__ = ["Limiting"]

_DUNNO: Final = answer("DUNNO")
_STATES: Final = frozenset({"RCPT", "END-OF-MESSAGE"})
_ACTIONS: Final = {"defer": "DEFER_IF_PERMIT", "hold": "HOLD"}
_DIGEST: Final = 12  # bytes
_QUIET: Final = 10.0  # seconds between lines about counters that are away

log = structlog.get_logger(__name__)


class Limiting:
    """Answers requests by the policies' limits; it never raises, and without cause says DUNNO."""

    def __init__(
        self,
        tenants: Tenants,
        keys: Keys,
        policies: Callable[[], PolicySet],
        counters: Counters,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tenants = tenants
        self._hash_key = keys.hash_key[:64]
        self._policies = policies
        self._counters = counters
        self._clock = clock
        self._metrics = PolicydMetrics(registry)
        self._complained = -_QUIET

    @classmethod
    def of(
        cls,
        settings: Settings,
        keys: Keys,
        policies: Callable[[], PolicySet],
        registry: CollectorRegistry,
    ) -> Self:
        """Return one over Redis, or over this process where the installation is embedded.

        Raises SettingsError for tenants, networks or certificates that can't be used.
        """
        counters: Counters = (
            MemoryCounters() if settings.embedded.folder else RedisCounters(settings)
        )
        return cls(Tenants(settings.hook), keys, policies, counters, registry)

    async def answer(self, request: Request, listener: Listener) -> bytes:
        """Return the answer's bytes."""
        try:
            said, outcome = await self._answer(request, listener)
        except CountersError as error:
            said, outcome = _DUNNO, "unknown"
            self._complain(str(error))
        except Exception:
            log.exception("policy_request_failed", state=request.state)
            said, outcome = _DUNNO, "failed"
        self._metrics.requests.labels(outcome).inc()
        return said

    async def close(self) -> None:
        """Let go of the counters."""
        await self._counters.close()

    async def _answer(self, request: Request, listener: Listener) -> tuple[bytes, str]:
        if request.state not in _STATES or not request.instance:
            return _DUNNO, "dunno"
        submission = Submission(
            raw=b"",
            listener=listener,
            client=Client(ip=request.client or None),
            mail_from=request.sender,
            rcpt_to=(request.recipient,) if request.recipient else (),
            user=request.user or None,
        )
        direction = self._tenants.direction(submission)
        tenant = self._tenants.shares(submission, direction)[0].tenant
        policy = self._policies().for_tenant(tenant)
        named = tenant
        if direction == "outbound":  # else whoever sends as several tenants' has as many counters
            named = self._tenants.shares(submission._replace(mail_from=None), direction)[0].tenant
        limits, tallies = self._tallies(request, direction, (tenant, named), policy)
        if not tallies:
            return _DUNNO, "dunno"
        over = await self._counters.count(self._occasion(request, tenant), tallies)
        return self._said([limits[at] for at in over], policy)

    def _said(self, over: Sequence[Limit], policy: Policy) -> tuple[bytes, str]:
        for limit in over:
            self._metrics.over.labels(limit.name, limit.mode).inc()
        live = [] if policy.shadow else [limit for limit in over if limit.mode == "live"]
        # A refusal comes first: a message that isn't taken can't be held.
        for action in ("defer", "hold"):
            for limit in live:
                if limit.action == action:
                    text = f"4.7.1 {limit.reason}" if action == "defer" else limit.reason
                    log.info("limit_exceeded", limit=limit.name, action=action)
                    return answer(_ACTIONS[action], text), action
        return _DUNNO, "dunno"

    def _occasion(self, request: Request, tenant: str) -> Occasion:
        # Instances are unique on one host; several hosts may share the counters.
        who = (request.instance, request.client, request.port, request.user, request.sender)
        single = request.state == "RCPT" or request.recipients == 1
        recipient = request.recipient if single else ""
        return Occasion(
            instance=self._hash(tenant, *who).hex(),
            at=self._clock(),
            recipient=self._hash(recipient.lower()) if recipient else b"",
            recipients=0 if recipient else request.recipients,
        )

    def _tallies(
        self, request: Request, direction: Direction, tenants: tuple[str, str], policy: Policy
    ) -> tuple[list[Limit], list[Tally]]:
        limits, tallies = [], []
        for limit in policy.limits:
            if limit.mode == "draft":
                continue
            tally = (
                self._outbound(request, limit, tenants, shadow=policy.shadow)
                if direction == "outbound"
                else self._inbound(request, limit, tenants[0])
            )
            if tally is not None:
                limits.append(limit)
                tallies.append(tally)
        return limits, tallies

    def _inbound(self, request: Request, limit: Limit, tenant: str) -> Tally | None:
        """Return what counts a bounce for its recipient, None for other mail."""
        if limit.counts != "bounces" or not request.null_sender or not request.recipient:
            return None
        return Tally(
            "bounced", self._key("bounces", limit, tenant, request.recipient), 0, _span(limit)
        )

    def _outbound(
        self, request: Request, limit: Limit, tenants: tuple[str, str], *, shadow: bool
    ) -> Tally | None:
        """Return what counts mail that goes out, None where this limit has nothing to count.

        `tenants` are the message's, by its sender too, where bounces come back to, and that of
        whoever sends it, whatever they call themselves.
        """
        sent_as, tenant = tenants
        who = request.user if limit.by == "user" else request.client
        if not who or (limit.by == "client" and parse_ip(who) is None):
            return None
        kind: Kind = limit.counts
        item, beside, subject = b"", "", who
        if kind == "networks":
            item = _network(request.client)
            if not item:
                return None
        elif kind == "new_recipients":
            beside = f"known:{limit.by}:{self._hash(tenant, who.lower()).hex()}"
        elif kind == "bounces":
            if not request.sender:
                return None
            subject, tenant = request.sender, sent_as
            beside = self._key("sent", limit, tenant, subject)
        refuses = limit.action == "defer" and limit.mode == "live" and not shadow
        key = self._key(kind, limit, tenant, subject)
        return Tally(kind, key, limit.over, _span(limit), refuses, beside, item)

    def _key(self, counted: str, limit: Limit, tenant: str, subject: str) -> str:
        """Name a counter: limits that differ in name only would count twice with one."""
        by = f"{limit.name}:{counted}:{limit.by}:{limit.minutes:g}"
        return f"{by}:{self._hash(tenant, subject.lower()).hex()}"

    def _hash(self, *parts: str) -> bytes:
        text = "\0".join(parts).encode("utf-8", "backslashreplace")
        return blake2b(text, key=self._hash_key, digest_size=_DIGEST).digest()

    def _complain(self, problem: str) -> None:
        now = self._clock()
        if now - self._complained >= _QUIET:
            self._complained = now
            log.warning("limits_not_counted", error=problem)


def _span(limit: Limit) -> float:
    return 60.0 * limit.minutes


def _network(client: str) -> bytes:
    """Return a client's network, IPv4 by /24 and IPv6 by /48, packed; empty for no address."""
    address = parse_ip(client)
    if address is None:
        return b""
    bits = 24 if isinstance(address, IPv4Address) else 48
    return ip_network((address, bits), strict=False).network_address.packed
