"""A command for the learner: published on the topic of labels, and awaited on that of models."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from apps.publishing import open_publisher
from models.command import Act, Command
from models.manifest import ArtifactError
from models.snapshot import Snapshot
from streams.label_records import command_record
from streams.listing import Listing, read_all, read_on
from streams.model_records import Executed
from streams.reader import open_reader
from streams.registry import Artifact
from streams.settings import Settings
from streams.snapshots import latest, read_snapshot
from streams.topics import check, name
from streams.wire import new_id

__all__ = ["Known", "Unanswered", "command", "open_listing"]

_SOURCE = "/weir/models"

Told = Callable[[int, int], None]


class Unanswered(NamedTuple):
    """No learner has executed a command in time: where the command lies until one does."""

    topic: str
    offset: int


class Known(NamedTuple):
    """The topic of models as read so far, and the consumer that stands behind it.

    `labels` is the offset behind the last record of the topic of labels.
    """

    listing: Listing
    consumer: Any
    labels: int


@asynccontextmanager
async def open_listing(
    settings: Settings, told: Told = lambda _done, _total: None, *, whole: bool = False
) -> AsyncIterator[Known]:
    """Read what the topic of models says, and keep standing behind it.

    Unless the `whole` is wanted, reading begins at the latest snapshot's place.

    Raises TopicError, in one line, where the brokers or topics aren't there.
    """
    await check(settings)
    async with open_reader(settings) as consumer:
        since = None if whole else _latest(settings)
        listing = await read_all(consumer, name(settings, "models"), told, since)
        (labels,) = (
            await consumer.end_offsets([TopicPartition(name(settings, "labels"), 0)])
        ).values()
        yield Known(listing, consumer, labels)


def _latest(settings: Settings) -> Snapshot | None:
    folder = settings.models.snapshots
    with suppress(ArtifactError):
        path = latest(Path(folder)) if folder else None
        return read_snapshot(path, None) if path else None
    return None


async def command(
    settings: Settings,
    known: Known,
    act: Act,
    artifact: Artifact | None = None,
    *,
    reason: str = "",
    seconds: float,
    told: Callable[[float], None] = lambda _seconds: None,
) -> Executed | Unanswered:
    """Publish a command and wait, so many seconds at most, until the learner has executed it.

    `told` is given the seconds waited, a few times a second.
    """
    given = Command(
        id=new_id(),
        act=act,
        model=artifact.model if artifact else None,
        name=artifact.name if artifact else "",
        digest=artifact.digest if artifact else "",
        sequence=artifact.sequence if artifact else 0,
        reason=reason,
        given_at=datetime.now(UTC),
    )
    topic = name(settings, "labels")
    async with open_publisher(settings) as publisher:
        await publisher.send(command_record(topic, given, source=_SOURCE))
        (delivered,) = await publisher.flush()
    began = time.monotonic()
    while given.id not in known.listing.executed:
        waited = time.monotonic() - began
        if waited > seconds:
            return Unanswered(topic, delivered.offset)
        told(waited)
        await read_on(known.consumer, known.listing)
    return known.listing.executed[given.id]
