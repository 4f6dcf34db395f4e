"""The claim: of two learners the older is ignored by all readers, and stops.

Whoever starts publishes a claim with a higher number and reads the log up to it: what lies before
it counts, whoever wrote it. What an older learner writes after it doesn't, so a learner lets go of
a label only when it has read its own step back, with no higher claim before it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from streams.learning.model_log import Entry, ModelLog
from streams.learning.publisher import Publisher
from streams.model_records import Claim

__all__ = ["Fence", "SupersededError", "take"]

_TRIES: Final = 100


class SupersededError(RuntimeError):
    """Another learner has taken over: one line that says which."""


class Fence:
    """This learner's number, for as long as no higher one is claimed."""

    def __init__(self, log: ModelLog, number: int) -> None:
        self._log = log
        self.number = number

    async def confirm(self, offset: int) -> None:
        """Return when all up to a record of one's own is read and this claim was the highest.

        Raises SupersededError.
        """
        async for entry in self._log.until(offset + 1):
            self._look(entry)

    async def end(self) -> int:
        """Return the offset behind the log's last record."""
        return await self._log.end()

    async def watch(self) -> None:
        """Look at what has come since; raises SupersededError."""
        for entry in await self._log.arrived():
            self._look(entry)

    def _look(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, Claim) and record.fence > self.number:
            raise SupersededError(
                f"the learner {record.learner} has taken over (claim {record.fence}, this one's is "
                f"{self.number}); one learner is all an installation needs"
            )


async def take(
    log: ModelLog,
    publisher: Publisher,
    learner: str,
    fence: Callable[[], int],
    follow: Callable[[Entry], None],
) -> Fence:
    """Claim the next number and return it as a fence, when all before the claim was followed.

    `fence` returns the highest number that was followed. Raises SupersededError where others claim
    again and again, and DeliveryError or KafkaError without brokers.
    """
    async for entry in log.until(await log.end()):
        follow(entry)
    for _ in range(_TRIES):
        number = fence() + 1
        claim = Claim(fence=number, learner=learner, at=datetime.now(UTC))
        offset = await publisher.publish(claim)
        async for entry in log.until(offset):
            follow(entry)
        if fence() < number:
            async for entry in log.until(offset + 1):
                follow(entry)
            return Fence(log, number)
    raise SupersededError("other learners claim again and again; start one alone")
