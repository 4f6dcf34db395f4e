"""Labels in bulk, and the learning steps that come of them, as mail.models shows them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, Self

from apps.bench.arriving import arriving
from apps.bench.campaigns import campaigns
from apps.bench.reaction import Seen
from apps.bench.topic_tail import read_beside
from apps.local.errors import StackError
from apps.publishing import Publisher
from models.label import Target
from streams.label_records import label_record, new_label
from streams.settings import Settings
from streams.topics import name

__all__ = ["Steps", "judged_campaigns", "label_as_spam"]

_PATIENCE: Final = 90.0  # seconds without a step or a marker: one is due every 60
_STEP: Final = b"weir.model.step"
_MARKER: Final = b"weir.model.publish"


class Steps:
    """Counts the learner's steps as they come."""

    def __init__(self) -> None:
        self.count = 0
        self._unpublished = False
        self._news = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Self]:
        """Count the steps from now on, until the block is left."""
        steps = cls()
        async with read_beside(settings, "models", steps._take):
            yield steps

    async def until(self, wanted: int) -> None:
        """Return once so many steps were seen; StackError where they stay away."""
        while self.count < wanted:
            await self._changed(f"{wanted - self.count} learning steps stay away")

    async def until_published(self) -> None:
        """Return once a marker stands behind the last step; StackError where none comes."""
        while self._unpublished:
            await self._changed("the publish marker stays away")

    def _take(self, records: Sequence[Any]) -> None:
        for record in records:
            kind = dict(record.headers).get("ce_type")
            self.count += kind == _STEP
            if kind in {_STEP, _MARKER}:
                self._unpublished = kind == _STEP
            self._news.set()

    async def _changed(self, missing: str) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._news.wait()
        except TimeoutError:
            raise StackError(f"{missing} for {_PATIENCE:.0f} s") from None


async def judged_campaigns(
    settings: Settings, count: int, publisher: Publisher, seen: Seen, *, seed: int
) -> list[str]:
    """Publish messages of as many campaigns, and return their ids once all are judged."""
    idents = []
    for campaign in campaigns(count, seed):
        envelope, raw = campaign.message(1)
        await publisher.send(arriving(name(settings, "messages"), envelope, raw))
        idents.append(envelope.id)
    await publisher.flush()
    await seen.of(idents, _PATIENCE + count / 50)
    return idents


async def label_as_spam(settings: Settings, idents: Sequence[str], publisher: Publisher) -> None:
    """Publish an analyst's label of each message; return when all were taken."""
    topic = name(settings, "labels")
    for ident in idents:
        label = new_label(
            Target(id=ident),
            "spam",
            "analyst",
            given_at=datetime.now(UTC),
        )
        await publisher.send(label_record(topic, label, source="/weir/bench"))
    await publisher.flush()
