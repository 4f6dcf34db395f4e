"""How long labels take to change what another process says of a campaign's next copies."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec

from apps.bench.arriving import arriving
from apps.bench.campaigns import Campaign
from apps.bench.topic_tail import read_beside
from apps.publishing import Publisher
from detectors.verdict import Verdict
from features.addresses import hash_address
from features.context import Context
from models.label import Source, Target
from streams.label_records import label_record, new_label
from streams.settings import Settings
from streams.topics import name

__all__ = ["Reaction", "Seen", "react"]

_SIBLINGS_A_SECOND: Final = 10
_PATIENCE: Final = 20.0  # seconds
_DECODER: Final = msgspec.json.Decoder(Verdict)


class Seen:
    """Verdicts as they come, by id, with the time at which they were seen (perf_counter)."""

    def __init__(self) -> None:
        self.verdicts: dict[str, tuple[Verdict, float]] = {}
        self._news = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Self]:
        """Note the verdicts from now on, until the block is left."""
        seen = cls()
        async with read_beside(settings, "verdicts", seen._take):
            yield seen

    async def of(self, idents: Sequence[str], seconds: float) -> list[tuple[Verdict, float]]:
        """Return the verdicts on messages, waiting for them; TimeoutError where one stays away."""
        async with asyncio.timeout(seconds):
            while not all(ident in self.verdicts for ident in idents):
                self._news.clear()
                await self._news.wait()
        return [self.verdicts[ident] for ident in idents]

    def _take(self, records: Sequence[Any]) -> None:
        now = time.perf_counter()
        for record in records:
            verdict = _DECODER.decode(record.value)
            self.verdicts.setdefault(verdict.id, (verdict, now))
        self._news.set()


@dataclass(frozen=True, slots=True)
class Reaction:
    """What labels did to a campaign: seconds to another action of a copy, None if none came."""

    source: Source
    before: str
    after: str
    seconds: float | None


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
    for ident, recipient in sent:
        reporter = hash_address(recipient, context) if source == "report" else ""
        label = new_label(
            Target(id=ident), "spam", source, reporter=reporter, given_at=datetime.now(UTC)
        )
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
                return Reaction(source, before, verdict.action, at - started)
    return Reaction(source, before, before, None)


async def _send(
    campaign: Campaign, number: int, publisher: Publisher, settings: Settings
) -> tuple[str, str]:
    envelope, raw = campaign.message(number)
    await publisher.send(arriving(name(settings, "messages"), envelope, raw))
    return envelope.id, envelope.rcpt_to[0]
