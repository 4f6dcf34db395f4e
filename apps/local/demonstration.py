"""Example mail through the running stack: published, awaited, counted."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.publishing import open_publisher
from apps.received import envelope_of
from apps.sources import Mail, read_mail
from detectors.verdict import Verdict
from features.context import Context, Limits
from features.envelope import Direction, Envelope
from features.headers import read_headers
from features.message import parse
from streams import topics
from streams.connection import client_options
from streams.settings import Settings
from streams.wire import message_record, new_id

_DECODER = msgspec.json.Decoder(Verdict)
_FOLDERS: tuple[Direction, ...] = ("outbound", "inbound")  # ours first: replies follow


@dataclass(slots=True)
class Sent:
    """A published message: what a person recognises it by, and when it went out (monotonic)."""

    name: str
    sender: str
    subject: str
    at: float


@dataclass(slots=True)
class Tally:
    """What was published and what came back; latencies in milliseconds."""

    sent: dict[str, Sent] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    degraded: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, verdict: Verdict, at: float) -> Shown:
        """Count a verdict that was seen at `at`; return it with what is known of its message."""
        sent = self.sent.get(verdict.id)
        if sent is None:
            return Shown(verdict, "", verdict.from_domain, "")
        self.records[verdict.id] += 1
        self.changed.set()
        if self.records[verdict.id] == 1:
            self.actions[verdict.action] += 1
            self.degraded += bool(verdict.degraded)
            self.latencies.append(1000 * (at - sent.at))
        return Shown(verdict, sent.name, sent.sender, sent.subject)

    @property
    def missing(self) -> list[str]:
        """Names of messages without a verdict."""
        return [sent.name for ident, sent in self.sent.items() if not self.records[ident]]

    @property
    def repeated(self) -> list[str]:
        """Names of messages with more than one verdict."""
        return [sent.name for ident, sent in self.sent.items() if self.records[ident] > 1]

    def percentile(self, share: float) -> float:
        """Return the latency in ms that `share` of the messages don't exceed, NaN for none."""
        ordered = sorted(self.latencies)
        if not ordered:
            return float("nan")
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@asynccontextmanager
async def verdicts_from_now(settings: Settings) -> AsyncIterator[AsyncIterator[Verdict]]:
    """Open the verdicts that come from now on; what isn't a verdict is passed over."""
    topic = topics.name(settings, "verdicts")
    partitions = [TopicPartition(topic, n) for n in range((await topics.check(settings))[topic])]
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            consumer.seek(partition, end)
        yield _decoded(consumer)
    finally:
        await consumer.stop()


async def _decoded(consumer: Any) -> AsyncIterator[Verdict]:
    async for record in consumer:
        try:
            yield _DECODER.decode(record.value or b"")
        except msgspec.MsgspecError:
            continue


async def publish(settings: Settings, folder: Path, rate: float, tally: Tally) -> None:
    """Publish the messages of `folder`/outbound and /inbound, `rate` a second.

    Raises:
        TopicError: the brokers can't take them.
    """
    topic = topics.name(settings, "messages")
    async with open_publisher(settings) as publisher:
        for mail, envelope in _examples(folder, settings):
            now = datetime.now(UTC)
            received = replace(envelope, received_at=now)
            record = message_record(topic, received, mail.raw, source="/weir/up", now=now)
            tally.sent[envelope.id] = _recognised(mail, envelope, settings)
            await publisher.send(record)
            await asyncio.sleep(1 / rate)


def _examples(folder: Path, settings: Settings) -> Iterator[tuple[Mail, Envelope]]:
    limits = Limits(message_bytes=settings.topics.message_bytes)
    for direction in _FOLDERS:
        for mail in read_mail([str(folder / direction)], limits.message_bytes):
            if isinstance(mail, Mail):
                envelope = envelope_of(mail, new_id(), datetime.now(UTC), limits)
                yield mail, replace(envelope, direction=direction)


def _recognised(mail: Mail, envelope: Envelope, settings: Settings) -> Sent:
    context = Context(limits=Limits(message_bytes=settings.topics.message_bytes))
    headers = read_headers(parse(mail.raw, context.limits), envelope, context)
    return Sent(Path(mail.name).name, headers.from_raw, headers.subject, time.monotonic())


async def collect(
    verdicts: AsyncIterator[Verdict], tally: Tally, show: Callable[[Shown], None]
) -> None:
    """Count and show verdicts as they come, for ever."""
    async for verdict in verdicts:
        show(tally.add(verdict, time.monotonic()))


async def settled(tally: Tally, seconds: float) -> None:
    """Return when every message has a verdict and a second brought no other, or time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while tally.missing:
                tally.changed.clear()
                await tally.changed.wait()
    await asyncio.sleep(1.0)
