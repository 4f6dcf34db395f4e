"""The one way from a message to what is done with it, for every protocol."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Final, Protocol

import structlog
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from apps.hook.deciding import BUDGET, Decide
from apps.hook.envelopes import Cut, cut, envelope
from apps.hook.outcome import Outcome
from apps.hook.outcome_metrics import OutcomeMetrics
from apps.hook.outcomes import Installation, Judged, failed, outcome
from apps.hook.submission import Submission
from apps.hook.tenants import DEFAULT, Share, Tenants
from detectors.policy import PolicySet
from detectors.verdict import Verdict
from features.envelope import Direction, Envelope, Fact
from streams.settings import Keys, Settings
from streams.wire import new_id

__all__ = ["Front", "LookUp"]

_NO_FACTS: Final[Mapping[str, Fact]] = {}
_FOR_FACTS: Final = 0.5  # of the time until the deadline: a sender's slow DNS leaves the rest
_GRACE: Final = 2.0  # seconds after the deadline: who decides answers by himself well before
_TENANTS_AT_ONCE: Final = 8
_HASHED_IN_LOOP: Final = 1_000_000  # bytes; what is longer is hashed in a thread

log = structlog.get_logger(__name__)


class LookUp(Protocol):
    """What the edge finds out about a message by itself (`hook.verify`)."""

    async def __call__(self, envelope: Envelope, raw: bytes, deadline: float) -> Mapping[str, Fact]:
        """Return the facts that came by `deadline` (the event loop's clock); never raises.

        `raw` is the message as the MTA gave it; `envelope.truncated` says what that has cut.
        """
        ...


def _now() -> datetime:
    return datetime.now(UTC)


class Front:
    """Makes a submission an outcome: envelope, facts, a verdict for each tenant, the policy.

    `decide` gives verdicts, `policies` the policies in force, `look_up` facts where the edge
    checks by itself. Raises SettingsError for tenants or networks that can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        decide: Decide,
        policies: Callable[[], PolicySet],
        registry: CollectorRegistry,
        *,
        look_up: LookUp | None = None,
        now: Callable[[], datetime] = _now,
        identify: Callable[[], str] = new_id,
    ) -> None:
        self._tenants = Tenants(settings.hook)
        self._seconds = settings.hook.deadline_seconds
        self._longest = settings.topics.message_bytes
        self._installation = Installation(
            keys.token_key, settings.identity.authserv_ids, settings.identity.upstream_verifies
        )
        self._decide = decide
        self._policies = policies
        self._metrics = OutcomeMetrics(registry)
        self._look_up = look_up
        self._now = now
        self._identify = identify
        self._running = 0

    @property
    def running(self) -> int:
        """How many messages wait for their outcome."""
        return self._running

    async def check(self, submission: Submission) -> Outcome:
        """Return what is done with a message; never raises but where its task is cancelled.

        A defect of ours costs the message its verdict, not its sender the session: the policy's
        `on_failure` holds, and X-Weir-Status says so.
        """
        started = asyncio.get_running_loop().time()
        self._running += 1
        direction: Direction = "inbound"
        shares: tuple[Share, ...] = (Share(DEFAULT, ()),)
        try:
            direction = self._tenants.direction(submission)
            shares = self._tenants.shares(submission, direction)
            found = await self._judged(submission, direction, shares, started)
        except Exception:
            log.exception("check_failed")
            self._metrics.failed.inc()
            policy = self._policies().for_tenant(shares[0].tenant)
            found = failed(policy, self._installation, outbound=direction == "outbound")
        finally:
            self._running -= 1
            self._metrics.seconds.observe(asyncio.get_running_loop().time() - started)
        self._count(found, direction)
        return found

    async def _judged(
        self,
        submission: Submission,
        direction: Direction,
        shares: tuple[Share, ...],
        started: float,
    ) -> Outcome:
        given = submission.deadline
        deadline = given if given and isfinite(given) else started + self._seconds
        envelopes = [
            envelope(submission, share, direction, self._identify(), self._now())
            for share in shares
        ]
        async with asyncio.timeout_at(max(deadline, started) + _GRACE):
            facts = _NO_FACTS
            if self._look_up is not None:
                late = started + _FOR_FACTS * (deadline - started)
                facts = await self._look_up(envelopes[0], submission.raw, late)
            raw, truncated = await self._cut(submission)
            asked = [replace(one, truncated=truncated, facts=dict(facts)) for one in envelopes]
            verdicts = await self._verdicts(asked, raw, deadline)
        policies = self._policies()
        judged = [
            Judged(share, verdict, policies.for_tenant(share.tenant))
            for share, verdict in zip(shares, verdicts, strict=True)
        ]
        return outcome(judged, self._installation, facts)

    async def _verdicts(
        self, envelopes: list[Envelope], raw: bytes, deadline: float
    ) -> list[Verdict]:
        """Ask for each tenant, a few at a time: one message mustn't take every place in flight."""
        if len(envelopes) == 1:
            return [await self._decide(envelopes[0], raw, deadline)]
        places = asyncio.Semaphore(_TENANTS_AT_ONCE)

        async def ask(one: Envelope) -> Verdict:
            try:
                async with asyncio.timeout_at(deadline - BUDGET):
                    await places.acquire()
            except TimeoutError:  # it is as late as those that have a place
                return await self._decide(one, raw, deadline)
            try:
                return await self._decide(one, raw, deadline)
            finally:
                places.release()

        return await asyncio.gather(*map(ask, envelopes))

    async def _cut(self, submission: Submission) -> Cut:
        if len(submission.raw) <= max(self._longest, _HASHED_IN_LOOP):
            return cut(submission, self._longest)
        return await asyncio.to_thread(cut, submission, self._longest)

    def _count(self, found: Outcome, direction: Direction) -> None:
        kind = found.verdicts[0].kind if found.verdicts else "none"
        self._metrics.outcomes.labels(found.action, kind, direction).inc()
        if len(found.verdicts) > 1:
            self._metrics.split.inc()
        for part in {part for verdict in found.verdicts for part in verdict.degraded}:
            self._metrics.degraded.labels(part).inc()
