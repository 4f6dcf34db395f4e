"""A batch's records onto a local log, all in one transaction: a verdict with its labels."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.delivery import DeliveryError
from streams.local_log.log import Written
from streams.local_log.producer import LocalProducer
from streams.wire import Record

__all__ = ["LocalDelivery"]

_PAUSE = 0.2  # seconds before what wasn't taken is tried again

log = structlog.get_logger(__name__)

Answered = Callable[[bytes | None, bytes | None], None]


class LocalDelivery:
    """Delivers to a local log (streams.delivery.Deliver); tries for at most `seconds`.

    Replies don't reach the log: whoever waits is in this process, and `answered` is given key and
    value at once, as a reply over Kafka doesn't wait for the verdict's acknowledgement either.
    While `muted` nothing is appended: what is delivered again is there already.
    """

    def __init__(
        self, producer: LocalProducer, replies: str, answered: Answered, seconds: float
    ) -> None:
        self._producer = producer
        self._replies = replies
        self._answered = answered
        self._seconds = seconds
        self.muted = False

    async def __call__(self, records: Sequence[Record]) -> list[str | None]:
        """Return when the log has the records, and why not for each that it never takes.

        Raises DeliveryError where it takes none for so long.
        """
        for record in records:
            if record.topic == self._replies:
                self._answered(record.key, record.value)
        kept = [] if self.muted else [r for r in records if r.topic != self._replies]
        refusals = {id(record): self._producer.refusal(record) for record in kept}
        written = [
            Written(
                record.topic,
                await self._partition(record),
                record.key,
                record.value,
                tuple(record.headers),
            )
            for record in kept
            if refusals[id(record)] is None
        ]
        if written:
            await self._append(written)
        return [refusals.get(id(record)) for record in records]

    async def _partition(self, record: Record) -> int:
        if record.partition is not None:
            return record.partition
        return await self._producer.partition_of(record.topic, record.key)

    async def _append(self, written: Sequence[Written]) -> None:
        until = asyncio.get_running_loop().time() + self._seconds
        while True:
            try:
                await self._producer.append(written)
            except KafkaError as error:
                if asyncio.get_running_loop().time() >= until:
                    raise DeliveryError(
                        f"the local log did not take {len(written)} records within "
                        f"{self._seconds:g} s: {error}"
                    ) from None
                log.warning("not_appended", error=str(error))
                await asyncio.sleep(_PAUSE)
            else:
                return
