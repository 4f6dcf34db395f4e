"""Recorded verdicts of a source, stretch by stretch, each with the mark from which to go on."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click

from apps.replay.materials import Kept
from apps.replay.model_history import ModelHistory
from apps.replay.sources import (
    ArchiveSource,
    FileSource,
    Source,
    SourceError,
    TopicSource,
    archive_url,
    parse_source,
)
from apps.subscriber.recorded import Recorded, Unread
from streams.settings import Settings

__all__ = ["Mark", "Reading", "Stretch", "find_source", "kept_in", "open_reading"]

Mark = Mapping[str, Any]
"""Where to go on, as JSON has it; {} is the beginning."""


class Stretch(NamedTuple):
    """Verdicts in a row; `after` is the mark behind them, `done` how many lie before it."""

    recorded: Sequence[Recorded]
    unread: Sequence[Unread]
    after: Mark
    done: int


class Reading(Protocol):
    """A source that is open."""

    @property
    def total(self) -> int:
        """How many verdicts there are to read, as far as known."""

    @property
    def kept(self) -> Kept | None:
        """What keeps policies and artifacts by digest, beside the installation's own places."""

    def stretches(self, start: Mark) -> AsyncIterator[Stretch]:
        """Yield all from a mark on."""

    async def history(self, folder: Path) -> ModelHistory:
        """Write what mail.models said into a folder, as far as the source has it."""


def find_source(text: str, settings: Settings) -> Source:
    """Return what SOURCE names; the topic, and a line that says so, for an archive still empty.

    That is for an archive that nobody named: the settings' own, which holds no verdict yet.
    Raises SourceError.
    """
    source = parse_source(text, settings)
    if not isinstance(source, ArchiveSource) or (text and not text.startswith("last:")):
        return source
    from apps.subscriber.archive.reading import Archive, ArchiveError  # noqa: PLC0415 - pyarrow

    try:
        if Archive.open(source.url).manifest.of("verdicts"):
            return source
        said = f"{source.url!r} holds no verdicts yet"
    except ArchiveError as error:
        said = str(error)
    click.echo(f"{said}: looking in the topic", err=True)
    return TopicSource((), source.since)


@asynccontextmanager
async def open_reading(
    settings: Settings, source: Source, *, mail: bool = True
) -> AsyncIterator[Reading]:
    """Open a source; with `mail` each message comes along where it is kept.

    Raises SourceError, TopicError or ArchiveError, one line each.
    """
    match source:
        case TopicSource():
            from apps.replay.topic_reading import open_topic  # noqa: PLC0415 - aiokafka

            kept = kept_in(archive_url(settings))
            async with open_topic(settings, source, mail=mail, kept=kept) as reading:
                yield reading
        case ArchiveSource():
            from apps.replay.archive_reading import ArchiveReading  # noqa: PLC0415 - pyarrow

            yield ArchiveReading(source, mail=mail)
        case FileSource():
            raise SourceError(
                f"{source.paths[0]!r} holds no verdicts to judge anew; --mode re-live judges mail"
            )


def kept_in(url: str) -> Kept | None:
    """Return what an archive keeps by digest; None without an archive that is there."""
    if not url:
        return None
    from apps.subscriber.archive.reading import Archive, ArchiveError  # noqa: PLC0415 - pyarrow

    try:
        return Archive.open(url)
    except ArchiveError:
        return None
