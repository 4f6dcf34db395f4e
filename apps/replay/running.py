"""A replay of recorded verdicts on its way: from a source to a result that parts add up to."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, Self, TypeVar

import click

from apps.cli.progress import bar
from apps.replay.engines import tallied_by
from apps.replay.reading import Mark, Reading, find_source, open_reading
from apps.replay.request import Request
from apps.replay.resuming import Checkpoint
from apps.replay.sources import ArchiveSource, Source, archive_url
from apps.replay.workers import Task

__all__ = ["INTERRUPTED", "Run", "goes_on", "run_through"]

INTERRUPTED: Final = 130
"""The exit code of a run that Ctrl-C has stopped."""

_KEEP_SECONDS: Final = 5.0  # from checkpoint to checkpoint


class _Adding(Protocol):
    """What parts of a run add up to: a msgspec.Struct that JSON can hold."""

    def merge(self, other: Self) -> None:
        """Add what another part came to."""

    def miss(self, reason: str) -> None:
        """Count what the source couldn't give."""


T = TypeVar("T", bound=_Adding)


@dataclass(slots=True)
class Run(Generic[T]):
    """A run on its way: what it has found up to `mark`; `stopped`: before the source's end."""

    found: T
    mark: Mark
    stopped: bool = False


def goes_on(request: Request) -> str:
    """Return what whoever has stopped a run can do."""
    if request.engine == "spark":
        return "stopped; Spark begins anew each time"
    if request.out is None:
        return "stopped; with --out FILE a run can be gone on with"
    return "stopped; --resume goes on from here"


async def run_through(
    request: Request,
    text: str,
    task: Callable[[str, str], Task[T]],
    work: Run[T],
    checkpoint: Checkpoint[T] | None,
    gather: Callable[[Source, Path], Awaitable[None]] | None = None,
) -> None:
    """Do all of a source into `work`; Ctrl-C leaves what was found until then.

    `task` is made with the folder in which the source's history of models lies and the URL of the
    archive that keeps policies and artifacts, "" for none. `gather` puts into that folder what the
    task needs beside.
    """
    source = find_source(text, request.settings)
    if work.mark and ("at" in work.mark) != isinstance(source, ArchiveSource):
        raise click.UsageError(
            "--resume: it was begun over the topic, and now there is an archive, or the other way "
            "round; name the SOURCE, or begin anew without --resume"
        )
    if request.engine == "spark":
        checkpoint = None  # there is no place from which Spark could go on
    with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
        async with open_reading(request.settings, source) as reading:
            await reading.history(Path(folder))
            if gather is not None:
                await gather(source, Path(folder))
            archive = getattr(source, "url", "") or archive_url(request.settings)
            made = task(folder, archive if reading.kept else "")
            try:
                await _all(request, source, reading, made, work, checkpoint)
            except asyncio.CancelledError:
                work.stopped = True
    if checkpoint is not None:
        if work.stopped:
            checkpoint.write(dict(work.mark), work.found)
        else:
            checkpoint.done()


async def _all(
    request: Request,
    source: Source,
    reading: Reading,
    task: Task[T],
    work: Run[T],
    checkpoint: Checkpoint[T] | None,
) -> None:
    kept = time.monotonic()
    done = 0
    what = "verifying" if request.mode == "verify" else "judging"
    with bar(what, reading.total, "verdicts") as advance:
        async with aclosing(tallied_by(request, source, reading, work.mark, task)) as tallies:
            async for stretch, tally in tallies:
                work.found.merge(tally)
                for unread in stretch.unread:
                    work.found.miss(f"{unread.place}: {unread.reason}")
                work.mark = stretch.after
                advance(stretch.done - done)
                done = stretch.done
                if checkpoint is not None and time.monotonic() - kept >= _KEEP_SECONDS:
                    checkpoint.write(dict(work.mark), work.found)
                    kept = time.monotonic()
