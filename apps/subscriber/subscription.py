"""Verdicts as they come: typed, wanted, each once, and never lost.

What is promised. Every wanted verdict of the topic is given at least once: one counts as done when
the next is asked for, and a restarted subscriber goes on with the first that isn't done. Of
verdicts with the same `ce_id` the first is given alone, as long as less than `window` others of its
partition came between them: that holds across restarts and changes of the group, for each time a
subscriber begins it looks back so far. So a verdict is given again only where it was given before,
but not done with or not yet committed when the process died or its partition went to another
member.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import structlog

from apps.subscriber.condition import Condition
from apps.subscriber.flow import flow
from apps.subscriber.once import Once
from apps.subscriber.received import Received, received
from apps.subscriber.stopping import ended_by_sigterm
from apps.subscriber.wanted import OneOrMore, Wanted, wanted
from detectors.record import decode
from detectors.verdict import Verdict
from streams.settings import Settings, load
from streams.wire import VerdictHead

__all__ = ["Delivered", "PassedOver", "deliveries", "subscribe"]

_WINDOW: Final = 2_048  # a worker that was killed judges again what it hadn't committed: less
_SCHEMA: Final = 1

log = structlog.get_logger(__name__)


class Delivered(NamedTuple):
    """A verdict, and the record that it came in."""

    verdict: Verdict
    record: Received


PassedOver = Callable[[Received, str], None]
"""Hears of a record that is no verdict, and why."""


async def subscribe(  # noqa: PLR0913 - what one may ask of a verdict, by its names
    settings: Settings | None = None,
    *,
    group: str,
    action: OneOrMore = None,
    class_: OneOrMore = None,
    tenant: OneOrMore = None,
    direction: OneOrMore = None,
    kind: OneOrMore = None,
    where: str = "",
    since: datetime | None = None,
    follow: bool = True,
    window: int = _WINDOW,
) -> AsyncGenerator[Verdict, None]:
    """Yield verdicts, those there are and those to come, for a consumer `group` of one's own.

    Members of a group share the verdicts. A group that is new begins at `since`, else with the
    oldest that is kept; then it goes on where it stopped. Fields take a value or several; `where`
    is a condition in CEL over a verdict (docs/subscribing.md). Without `follow` it ends with what
    is there. Without `settings` they are read as the command line reads them.

    To leave, break out of the loop, close it (`aclose`) or send SIGTERM: the loop ends when its
    body does, and what is done is committed. Raises ValueError for a value that no verdict has and
    for an empty group, ExpressionError for a condition that can't be used, SettingsError,
    TopicError where the topic can't be read. A record that is no verdict is logged and passed over.
    """
    if not group:
        raise ValueError("group = ''; allowed: a name of the subscriber's own")
    chosen = wanted(action=action, class_=class_, tenant=tenant, direction=direction, kind=kind)
    condition = Condition(where) if where else None
    if settings is None:
        settings = load(None, os.environ)
    found = deliveries(
        settings, group=group, chosen=chosen, since=since, follow=follow, window=window
    )
    async with aclosing(found) as those:
        async for verdict, _ in those:
            if condition is None or condition.holds(verdict):
                yield verdict


async def deliveries(  # noqa: PLR0913 - where to begin and end, and who hears of what
    settings: Settings,
    *,
    group: str = "",
    chosen: Wanted | None = None,
    since: datetime | None = None,
    last: int | None = None,
    follow: bool = True,
    window: int = _WINDOW,
    passed_over: PassedOver | None = None,
    caught_up: Callable[[], None] | None = None,
) -> AsyncGenerator[Delivered, None]:
    """Yield verdicts as `subscribe` does, each with its record; without a group nothing is kept.

    Where a group is new `last` begins so many records before each partition's end. `caught_up` is
    called once, when all has been given that was there at the beginning.
    """
    once = Once(window)
    chosen = chosen or Wanted()
    told = passed_over or _log_passed_over
    back = window if group else 0
    async with (
        ended_by_sigterm() as stop,
        received(
            settings, ["verdicts"], group=group, since=since, last=last, back=back
        ) as reception,
        aclosing(
            flow(
                reception,
                settings.kafka.commit_interval_seconds,
                stop=stop,
                follow=follow,
                caught_up=caught_up,
            )
        ) as records,
    ):
        async for record in records:
            read = _read(record, told)
            if read is None or not once.first(record.place, read[0]):
                reception.done(record)
                continue
            if not reception.known(record) and chosen(read[1]):
                yield Delivered(read[1], record)
            reception.done(record)


def _read(record: Received, told: PassedOver) -> tuple[bytes, Verdict] | None:
    """Return a verdict with its identity, None where it is none."""
    try:
        verdict = decode(record.value)
        if verdict.schema != _SCHEMA:
            told(record, f"schema {verdict.schema}; allowed: {_SCHEMA}")
            return None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        told(record, str(error))
        return None
    event = VerdictHead(verdict.id, verdict.kind, verdict.revision).event_id
    return event.encode("utf-8", "surrogatepass"), verdict


def _log_passed_over(record: Received, why: str) -> None:
    log.warning(
        "not_a_verdict",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        error=why,
    )
