"""`weir replay --mode verify`: from a source to what was found, its files and the exit code."""

import asyncio
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec

from apps.cli.failures import Code
from apps.cli.options import run as run_to_end
from apps.cli.progress import bar
from apps.replay.reading import Mark, Reading, open_reading
from apps.replay.request import Request
from apps.replay.resuming import Checkpoint
from apps.replay.sources import archive_url, parse_source
from apps.replay.verify_result import VerifyResult
from apps.replay.verify_task import VerifyTask
from apps.replay.verify_told import as_json, as_text
from apps.replay.workers import Task, tallied

__all__ = ["run"]

_INTERRUPTED: Final = 130
_KEEP_SECONDS: Final = 5.0  # from checkpoint to checkpoint


@dataclass(slots=True)
class _Run:
    """A run on its way: what it has found up to `mark`, of how many."""

    found: VerifyResult
    mark: Mark
    total: int = 0
    stopped: bool = False


def run(request: Request) -> int:
    """Verify, print what was found, and return the exit code."""
    if len(request.sources) > 1:
        raise click.UsageError(f"{len(request.sources)} SOURCEs given; verify reads one")
    text = request.sources[0] if request.sources else ""
    checkpoint = None
    work = _Run(VerifyResult(), {})
    if request.out is not None:
        checkpoint = Checkpoint(request.out, f"verify {text or '(default)'}", VerifyResult)
        if request.resume and (kept := checkpoint.read()):
            work.mark, work.found = kept
    began = time.monotonic()
    run_to_end(_verify(request, text, work, checkpoint))
    told = as_json(work.found, seconds=time.monotonic() - began, stopped=work.stopped, source=text)
    if request.out is not None:
        request.out.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    if request.report is not None:
        from apps.replay.report_verified import write_verified  # noqa: PLC0415 - only then

        write_verified(request.report, work.found)
    if request.as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo("\n".join(as_text(told)))
    if work.stopped:
        if checkpoint is not None:
            click.echo("stopped; --resume goes on from here", err=True)
        return _INTERRUPTED
    return _code(work.found)


def _code(found: VerifyResult) -> int:
    if found.differing:
        return int(Code.NO)
    return int(Code.INPUT if found.unread or found.untold else Code.OK)


async def _verify(
    request: Request, text: str, work: _Run, checkpoint: Checkpoint[VerifyResult] | None
) -> None:
    """Verify all of a source into `work`; Ctrl-C leaves what was found until then."""
    source = parse_source(text, request.settings)
    with tempfile.TemporaryDirectory(prefix="weir-replay-") as folder:
        async with open_reading(request.settings, source) as reading:
            await reading.history(Path(folder))
            archive = getattr(source, "url", "") or archive_url(request.settings)
            task = VerifyTask(request.settings, folder, archive if reading.kept else "")
            try:
                await _all(reading, task, work, checkpoint, request.workers)
            except asyncio.CancelledError:
                work.stopped = True
    if checkpoint is not None:
        if work.stopped:
            checkpoint.write(dict(work.mark), work.found)
        else:
            checkpoint.done()


async def _all(
    reading: Reading,
    task: Task[VerifyResult],
    work: _Run,
    checkpoint: Checkpoint[VerifyResult] | None,
    workers: int,
) -> None:
    kept = time.monotonic()
    done = 0
    with bar("verifying", reading.total, "verdicts") as advance:
        async with aclosing(tallied(reading.stretches(work.mark), task, workers)) as tallies:
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
