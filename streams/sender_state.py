"""The part of a batch that the sender state has: what messages add to it, and what they read."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from typing import Final, TypeVar

import structlog

from detectors.outcomes import outcome_of
from detectors.record import decode
from features.history import UNKNOWN, History
from features.reported import heard_by
from features.sender import narrowed, read_history
from streams.cases import Case
from streams.metrics import Metrics
from streams.stores.protocol import Keeping, Move, StateMovingError, Store, StoreError
from streams.wire import Arrival

__all__ = ["SenderState", "arrival", "history", "moment", "outcome"]

_T = TypeVar("_T")

_TRIES: Final = 40
_PAUSE: Final = 0.05  # seconds

log = structlog.get_logger(__name__)


class SenderState:
    """Applies arrivals and outcomes of batches, and keeps account of what may be lost.

    Nothing is added for a batch whose look-up failed: a retry of a delivery that was counted
    before couldn't be told from a new one, and no count may be doubled.
    """

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def advance(self, cases: Sequence[Case]) -> None:
        """Apply the arrivals of a batch, in order, and keep with each message what it reads.

        A message delivered again is sent again: the store's marks decide. Without the store
        `case.advanced` stays None.
        """
        moving = [case for case in cases if case.touches is not None]
        moves = [arrival(case) for case in moving]
        if not all(case.known for case in moving):
            self._store.missed()
            self._count(moves)
            return
        if not moves:
            return
        try:
            answers = await _settled(lambda: self._store.advance(moves))
        except StoreError as error:
            log.warning("store_failed", step="advance", error=str(error))
            self._count(moves)
            return
        for case, answer in zip(moving, answers, strict=True):
            case.advanced = answer

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move]) -> list[bytes]:
        """Record verdicts and apply outcomes; return the verdicts in force.

        Raises StoreError if the verdicts may not be recorded. Outcomes that may be lost are
        counted.
        """
        try:
            return await _settled(lambda: self._store.record(kept, outcomes))
        except StateMovingError as error:
            self._count(outcomes)
            if error.verdicts is None:
                raise
            return error.verdicts
        except StoreError:
            self._count(outcomes)
            raise

    def _count(self, moves: Sequence[Move]) -> None:
        """Count increments that the store may never have had."""
        count = sum(bool(each.items) for move in moves if move.adds for each in move.increments)
        if count:
            self._metrics.lost_increments.inc(count)
            self._metrics.increments_lost.set(1)


async def _settled(call: Callable[[], Awaitable[_T]]) -> _T:
    """Call again while the state is about to be switched: a rebuild ends within moments."""
    for _ in range(_TRIES):
        try:
            return await call()
        except StateMovingError:
            await asyncio.sleep(_PAUSE)
    return await call()


def moment(arrival: Arrival) -> float:
    """Return the time at which a message is counted, in seconds.

    That is when it was received, or when the log took it where the two can't both be right: a
    clock from another century must age no entity, and a first sight must not move to the past.
    """
    received = arrival.incoming.envelope.received_at
    if "clock_skew" in arrival.incoming.flags:
        return arrival.appended_ms / 1000
    return (received if received.tzinfo else received.replace(tzinfo=UTC)).timestamp()


def arrival(case: Case) -> Move:
    """Return what a message adds on its arrival.

    A retry of a delivery adds nothing. A copy for other recipients adds only what is about them.
    """
    assert case.touches is not None
    touches, found = case.touches, case.found
    return Move(
        case.arrival.position,
        moment(case.arrival),
        narrowed(touches) if found.split else touches.increments,
        adds=_adds(case),
        mentions=touches.mentions,
    )


def history(case: Case) -> History | None:
    """Return what is known of a message's sender, None where the state couldn't be read."""
    if case.touches is None:
        return UNKNOWN
    if case.advanced is None:
        return None
    directions = [mention and mention.direction for mention in case.advanced.mentions]
    advanced, at = case.advanced, moment(case.arrival)
    tenant = case.arrival.incoming.envelope.tenant
    reports = [heard_by(each, tenant) for each in advanced.reports]
    try:
        return read_history(case.touches, advanced.readings, directions, at, reports)
    except Exception as error:  # noqa: BLE001 - a defect of ours costs this part, not the message
        log.error("history_not_read", error=type(error).__name__)  # noqa: TRY400 - may quote mail
        return None


def outcome(case: Case) -> Move | None:
    """Return what a message adds once it is judged, None for nothing.

    All of it is taken from the encoded verdict in force, so that a message delivered again adds
    what it added the first time. A verdict of another release that can't be read adds nothing.
    """
    if case.touches is None or not case.known or not _adds(case):
        return None
    try:
        verdict = case.verdict or decode(case.value)
        increments = outcome_of(case.touches, verdict, split=case.found.split)
    except Exception as error:  # noqa: BLE001 - a defect of ours costs this part, not the message
        log.error("outcome_not_read", error=type(error).__name__)  # noqa: TRY400 - may quote mail
        return None
    if not increments:
        return None
    return Move(case.arrival.position, moment(case.arrival), increments)


def _adds(case: Case) -> bool:
    """Tell whether a message adds anything: not where it is a retry, or the log has no time."""
    return not case.found.retry and "timestamp_missing" not in case.arrival.incoming.flags
