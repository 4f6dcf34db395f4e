"""Who does a replay's work: this process, several, or Spark; what comes of it is the same."""

from collections.abc import AsyncGenerator
from typing import TypeVar

import click

from apps.replay.reading import Mark, Reading, Stretch
from apps.replay.request import Request
from apps.replay.sources import ArchiveSource, Source
from apps.replay.workers import Task, tallied

__all__ = ["tallied_by"]

T = TypeVar("T")


def tallied_by(
    request: Request, source: Source, reading: Reading, start: Mark, task: Task[T]
) -> AsyncGenerator[tuple[Stretch, T], None]:
    """Yield stretches from a mark on with their tallies, made as was asked for.

    Raises UsageError for what Spark can't read, and what `tallied` and `tallied_by_spark` raise.
    """
    if request.engine == "local":
        return tallied(reading.stretches(start), task, request.workers)
    if not isinstance(source, ArchiveSource):
        raise click.UsageError("--engine spark reads archives: name one as archive:URL")
    if request.out is not None and request.resume:
        raise click.UsageError("--engine spark begins anew each time: leave out --resume")
    from apps.replay.spark import tallied_by_spark  # noqa: PLC0415 - an extra

    return tallied_by_spark(source, task, cores=request.workers)
