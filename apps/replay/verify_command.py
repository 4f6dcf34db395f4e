"""`weir replay --mode verify`: what was found, its files, and the exit code."""

import time

import click
import msgspec

from apps.cli.failures import Code
from apps.cli.options import run as run_to_end
from apps.replay.request import Request
from apps.replay.result_file import write_result
from apps.replay.resuming import Checkpoint
from apps.replay.running import INTERRUPTED, Run, goes_on, run_through
from apps.replay.verify_result import VerifyResult
from apps.replay.verify_task import VerifyTask
from apps.replay.verify_told import as_json, as_text

__all__ = ["run"]


def run(request: Request) -> int:
    """Verify, print what was found, and return the exit code."""
    if len(request.sources) > 1:
        raise click.UsageError(f"{len(request.sources)} SOURCEs given; verify reads one")
    text = request.sources[0] if request.sources else ""
    work = Run(VerifyResult(), {})
    checkpoint = None
    if request.out is not None:
        checkpoint = Checkpoint(request.out, f"verify {text or '(default)'}", VerifyResult)
        if request.resume and (kept := checkpoint.read()):
            work.mark, work.found = kept
    began, before = time.monotonic(), work.found.verdicts
    run_to_end(
        run_through(
            request,
            text,
            lambda folder, archive: VerifyTask(request.settings, folder, archive),
            work,
            checkpoint,
        )
    )
    told = as_json(
        work.found,
        source=text,
        seconds=time.monotonic() - began,
        rate_of=work.found.verdicts - before,
        stopped=work.stopped,
    )
    _write(request, work.found, told)
    if work.stopped:
        click.echo(goes_on(request), err=True)
        return INTERRUPTED
    if work.found.differing:
        return int(Code.NO)
    return int(Code.INPUT if work.found.unread or work.found.untold else Code.OK)


def _write(request: Request, found: VerifyResult, told: dict[str, object]) -> None:
    """Put the result where it was asked for."""
    if request.out is not None:
        write_result(request.out, told)
    if request.report is not None:
        from apps.replay.report_verified import write_verified  # noqa: PLC0415 - only then

        write_verified(request.report, found)
    if request.as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo("\n".join(as_text(told)))
