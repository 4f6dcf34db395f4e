"""Example mail through the running stack: published, awaited, counted."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.local.scenes import Example, Scene, acts
from apps.publishing import open_publisher
from detectors.verdict import Verdict
from features.context import Context, Limits
from features.encoded_words import decode_words
from features.headers import read_headers
from features.message import parse
from streams import topics
from streams.connection import client_options
from streams.settings import Settings
from streams.wire import message_record

_DECODER = msgspec.json.Decoder(Verdict)
_ACT_SECONDS = 30.0  # a lost message must not keep the others from being published


@dataclass(slots=True)
class Sent:
    """A published message: what a person recognises it by, and when it went out (monotonic)."""

    name: str
    sender: str
    subject: str
    at: float
    scene: Scene = ""


@dataclass(slots=True)
class Tally:
    """What was published and what came back; latencies in milliseconds.

    `scenes` holds the first verdicts of the messages that play in a scene, as they came;
    `questionable` is the first that somebody might ask about.
    """

    sent: dict[str, Sent] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    degraded: int = 0
    scenes: dict[Scene, list[Verdict]] = field(default_factory=lambda: defaultdict(list))
    questionable: Verdict | None = None
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
            if self.questionable is None and verdict.action in {"quarantine", "reject"}:
                self.questionable = verdict
            self.degraded += bool(verdict.degraded)
            self.latencies.append(1000 * (at - sent.at))
            if sent.scene:
                self.scenes[sent.scene].append(verdict)
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
    """Publish the examples of `folder` (apps.local.scenes), `rate` a second.

    Raises:
        TopicError: the brokers can't take them.
    """
    topic = topics.name(settings, "messages")
    limits = Limits(message_bytes=settings.topics.message_bytes)
    async with open_publisher(settings) as publisher:
        for act in acts(folder, limits, datetime.now(UTC)):
            for example in act:
                now = datetime.now(UTC)
                received = replace(example.envelope, received_at=now - example.age)
                record = message_record(
                    topic, received, example.mail.raw, source="/weir/up", now=now
                )
                tally.sent[received.id] = _recognised(example, limits)
                await publisher.send(record)
                await asyncio.sleep(1 / rate)
            # What follows is judged by what is known after these.
            await judged(tally, _ACT_SECONDS)


def _recognised(example: Example, limits: Limits) -> Sent:
    context = Context(limits=limits)
    headers = read_headers(parse(example.mail.raw, limits), example.envelope, context)
    name = Path(example.mail.name).name
    return Sent(
        name, decode_words(headers.from_raw), headers.subject, time.monotonic(), example.scene
    )


async def collect(
    verdicts: AsyncIterator[Verdict], tally: Tally, show: Callable[[Shown], None]
) -> None:
    """Count and show verdicts as they come, for ever."""
    async for verdict in verdicts:
        show(tally.add(verdict, time.monotonic()))


async def judged(tally: Tally, seconds: float) -> None:
    """Return when every message sent so far has a verdict, or time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while tally.missing:
                tally.changed.clear()
                await tally.changed.wait()


async def settled(tally: Tally, seconds: float) -> None:
    """Return when every message has a verdict and a second brought no other, or time is up."""
    await judged(tally, seconds)
    await asyncio.sleep(1.0)
