"""How long labels take to change what another process says of a campaign's next copies."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.bench.campaigns import Campaign
from apps.publishing import Publisher
from detectors.verdict import Verdict
from features.addresses import hash_address
from features.context import Context
from models.label import Source, Target
from streams.connection import client_options
from streams.label_records import label_record, new_label
from streams.settings import Settings
from streams.topics import name
from streams.wire import message_record

__all__ = ["Reaction", "Seen", "react"]

_SIBLINGS_A_SECOND: Final = 10
_PATIENCE: Final = 20.0  # seconds
_DECODER: Final = msgspec.json.Decoder(Verdict)


class Seen:
    """Verdicts as they come, by id, with the time at which they were seen (perf_counter)."""

    def __init__(self) -> None:
        self.verdicts: dict[str, tuple[Verdict, float]] = {}
        self._news = asyncio.Event()

    async def read(self, settings: Settings, ready: asyncio.Event) -> None:
        """Read from the topic's end; runs until it is cancelled."""
        consumer = AIOKafkaConsumer(
            **client_options(settings),
            group_id=None,
            fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
        )
        await consumer.start()
        try:
            topic = name(settings, "verdicts")
            consumer.assign([TopicPartition(topic, n) for n in range(settings.topics.partitions)])
            await consumer.seek_to_end()
            ready.set()
            while True:
                batches = await consumer.getmany(timeout_ms=200)
                now = time.perf_counter()
                for records in batches.values():
                    for record in records:
                        verdict = _DECODER.decode(record.value)
                        self.verdicts.setdefault(verdict.id, (verdict, now))
                self._news.set()
        finally:
            await consumer.stop()

    async def of(self, idents: Sequence[str], seconds: float) -> list[tuple[Verdict, float]]:
        """Return the verdicts on messages, waiting for them; TimeoutError where one stays away."""
        async with asyncio.timeout(seconds):
            while not all(ident in self.verdicts for ident in idents):
                self._news.clear()
                await self._news.wait()
        return [self.verdicts[ident] for ident in idents]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What labels did to a campaign: seconds to another action of a copy, None if none came."""

    source: Source
    before: str
    after: str
    seconds: float | None
    labels: tuple[str, ...] = field(default=())


async def react(
    campaign: Campaign,
    source: Source,
    reporters: int,
    publisher: Publisher,
    seen: Seen,
    settings: Settings,
    context: Context,
) -> Reaction:
    """Publish copies, label each of the first `reporters`, and send more until the action changes.

    Seconds run from the broker's acknowledgement of the last label to the moment at which the
    verdict with the other action was seen. Raises TimeoutError where a verdict stays away.
    """
    sent = [await _send(campaign, number, publisher, settings) for number in range(reporters)]
    before = (await seen.of([ident for ident, _ in sent], _PATIENCE))[0][0].action
    topic = name(settings, "labels")
    labels = []
    for ident, recipient in sent:
        reporter = hash_address(recipient, context) if source == "report" else ""
        label = new_label(
            Target(id=ident), "spam", source, reporter=reporter, given_at=datetime.now(UTC)
        )
        labels.append(label.id)
        await publisher.send(label_record(topic, label, source="/weir/bench"))
    await publisher.flush()
    started = time.perf_counter()
    siblings: list[str] = []
    number = reporters
    while time.perf_counter() - started < _PATIENCE:
        ident, _ = await _send(campaign, number, publisher, settings)
        siblings.append(ident)
        number += 1
        await asyncio.sleep(1 / _SIBLINGS_A_SECOND)
        for one in siblings:
            verdict, at = seen.verdicts.get(one, (None, 0.0))
            if verdict is not None and verdict.action != before:
                return Reaction(source, before, verdict.action, at - started, tuple(labels))
    return Reaction(source, before, before, None, tuple(labels))


async def _send(
    campaign: Campaign, number: int, publisher: Publisher, settings: Settings
) -> tuple[str, str]:
    envelope, raw = campaign.message(number)
    now = datetime.now(UTC)
    record: Any = message_record(
        name(settings, "messages"),
        replace(envelope, received_at=now),
        raw,
        source="/weir/bench",
        now=now,
    )
    await publisher.send(record)
    return envelope.id, envelope.rcpt_to[0]
