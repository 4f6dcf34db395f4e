"""A verdict without Kafka, Redis and workers: the core in this process, within a budget."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from apps.hook.deciding import BUDGET
from apps.hook.metrics import HookMetrics
from detectors.actions import Action
from detectors.judging import Judged
from detectors.verdict import LogPlace, Verdict
from features.envelope import Envelope, Incoming
from streams.in_force import InForce, Wrap
from streams.judging import Judging, conclude_safely, prepare_safely
from streams.metrics import StageClock
from streams.opening import open_core
from streams.policies import read_policy_of
from streams.settings import Settings

__all__ = ["Fallback", "Work", "enforced"]

_LONGEST: Final = 0.5  # seconds, where the deadline leaves them: padding mustn't buy acceptance
_MOST: Final = 100  # messages that wait for the thread: about what it does in the longest wait
_MISSING: Final = "judgement"
_WARM: Final = b"From: a@example.org\r\nSubject: warm\r\n\r\nhttps://example.org/\r\n"

Work = asyncio.Future[Judged]

log = structlog.get_logger(__name__)


class Fallback:
    """Judges one message after another in a thread of its own; knows nothing of any sender.

    Construction reads keys, policy, weights and models, and raises KeysError, PolicyError,
    OSError, WeightsError or ArtifactError for what it can't use.
    """

    def __init__(
        self, settings: Settings, metrics: HookMetrics, wrap: Wrap = lambda judge: judge
    ) -> None:
        clock = StageClock(metrics)
        policies, _ = read_policy_of(settings.policy)
        self.in_force = InForce(open_core(settings, policies, clock), clock, wrap)
        self.executor = ThreadPoolExecutor(1, "fallback")
        self._metrics = metrics
        self._waiting = 0
        self.is_warm = False

    async def warm(self) -> None:
        """Judge a message of no account: the first one takes longer than the budget."""
        envelope = Envelope(id="warm", received_at=datetime.fromtimestamp(0, UTC))
        work = self.executor.submit(_judge, self.in_force.judging, Incoming(envelope, _WARM))
        await asyncio.wrap_future(work)
        self.is_warm = True

    def begin(self, incoming: Incoming) -> "Work | None":
        """Have a message judged; None where too many wait. To cancel it is to give it up."""
        if self._waiting >= _MOST:
            return None
        judging = self.in_force.judging
        work: Work = asyncio.wrap_future(self.executor.submit(_judge, judging, incoming))
        self._waiting += 1
        work.add_done_callback(self._left)
        return work

    async def judge(
        self, incoming: Incoming, deadline: float = 0.0, begun: "Work | None" = None
    ) -> Verdict:
        """Return a verdict; on_failure decides where there was no time.

        There are 50 ms, and up to half a second as far as the deadline (the loop's clock) leaves
        them. What takes longer is abandoned: the thread ends it, and nobody looks at it. `begun`
        is what `begin` has returned for the message, whose place in the log may be known since.
        """
        judging = self.in_force.judging
        work = begun or self.begin(incoming)
        if work is None:
            return self._unjudged(judging, incoming)
        left = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(BUDGET, min(left, _LONGEST))):
                judged = await work
        except TimeoutError:
            return self._unjudged(judging, incoming)
        except Exception as error:  # nothing of ours may leave a message without a verdict
            log.exception("fallback_failed", error=type(error).__name__)
            return self._unjudged(judging, incoming)
        if judged.error is not None:
            log.error("message_broke_the_fallback", id=judged.verdict.id, error=judged.error[:120])
        if incoming.position is None:
            return judged.verdict
        return msgspec.structs.replace(judged.verdict, log=LogPlace(*incoming.position))

    def close(self) -> None:
        """Take no more; what is in hand ends by itself."""
        self.executor.shutdown(wait=False, cancel_futures=True)

    def _left(self, work: "Work") -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # looked at: nobody may be waiting for it

    def _unjudged(self, judging: Judging, incoming: Incoming) -> Verdict:
        self._metrics.unjudged.inc()
        return judging.degraded(incoming, _MISSING)


def enforced(verdict: Verdict, may_defer: Callable[[], bool]) -> Verdict:
    """Return a fallback's verdict with the action that is taken on it.

    What it was sure enough of to reject is deferred, so that a worker sees the retry, as long as
    `may_defer` says so, which is asked at most once; of our own users' mail it is held. What is
    less sure passes, marked. An operator's deny list holds whatever is missing.
    """
    action = _action(verdict, may_defer)
    return msgspec.structs.replace(verdict, kind="fallback", action=action)


def _action(verdict: Verdict, may_defer: Callable[[], bool]) -> Action:
    wanted = verdict.action
    if verdict.overrides and verdict.overrides[0].name.startswith("deny:"):
        return wanted
    marked: Action = "add_header"
    if wanted in {"accept", "add_header"}:
        return wanted
    if verdict.direction == "outbound":
        return "quarantine" if wanted in {"reject", "discard", "quarantine"} else marked
    if wanted in {"reject", "discard", "defer"}:
        return "defer" if may_defer() else marked
    return wanted if verdict.logit is None else marked  # on_failure is the operator's own word


def _judge(judging: Judging, incoming: Incoming) -> Judged:
    (prepared,) = prepare_safely(judging, [incoming])
    if prepared.wanted:
        prepared = replace(prepared, opened=None)  # there is no time to open anything
    (judged,) = conclude_safely(judging, [prepared], [None])
    return judged
