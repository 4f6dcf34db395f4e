"""Where a message lies, by its verdict: for ids that Redis doesn't know any more."""

from features.envelope import LogPosition
from streams.labels.finding import CLOCK_AHEAD_MS, made_at
from streams.labels.mail_log import open_mail_log
from streams.labels.verdict_scan import Wanted
from streams.settings import Settings
from streams.topics import check, name

__all__ = ["search_verdict"]


async def search_verdict(settings: Settings, identifier: str) -> LogPosition | None:
    """Return the place that the verdict on an id names; None where it isn't found.

    An id has to be a UUIDv7 (RFC 9562), whose time says where to look. Raises TopicError where the
    brokers can't be reached.
    """
    made = made_at(identifier)
    if made is None:
        return None
    partitions = (await check(settings))[name(settings, "verdicts")]
    async with open_mail_log(settings, "", partitions) as log:  # of any epoch: only verdicts
        wanted = Wanted(identifier, made - CLOCK_AHEAD_MS)
        verdict = (await log.verdicts([wanted])).get(wanted)
    if verdict is None or verdict.log is None:
        return None
    return LogPosition(verdict.log.epoch, verdict.log.partition, verdict.log.offset)
