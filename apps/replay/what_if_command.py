"""`weir replay --mode what-if`: from a source to a comparison, its files and the exit code."""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from apps.cli.failures import Code
from apps.cli.options import run as run_to_end
from apps.replay.changes import ChangesError
from apps.replay.comparing import Comparing
from apps.replay.comparison import Comparison
from apps.replay.labels_read import write_labels
from apps.replay.otherwise import words_of
from apps.replay.request import Request, WhatIf
from apps.replay.result_file import write_result
from apps.replay.resuming import Checkpoint
from apps.replay.running import INTERRUPTED, Run, goes_on, run_through
from apps.replay.sources import Source
from apps.replay.what_if_task import LABELS, WhatIfTask
from apps.replay.what_if_told import as_text
from models.manifest import digest
from streams.opening import load_weights

__all__ = ["compare", "run"]


def run(request: Request) -> int:
    """Judge a source's verdicts otherwise, tell the comparison, and return the exit code."""
    found = compare(request)
    if request.out is not None:
        write_result(request.out, found)
    if request.report is not None:
        from apps.replay.report import write_comparison  # noqa: PLC0415 - only for a report

        write_comparison(request.report, found)
    if request.as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("\n".join(as_text(found)))
    if found.interrupted:
        click.echo(goes_on(request), err=True)
        return INTERRUPTED
    return int(Code.INPUT if found.unread else Code.OK)


def _files(asked: WhatIf) -> Iterator[str]:
    """Yield which files were given, by their digests: another content is another run."""
    given = [asked.policy, *map(Path, asked.models), asked.against]
    for file in given:
        if file is not None and file.is_file():
            yield f"{file.name} is {digest(file.read_bytes())[:12]}"


def compare(request: Request, top: int = 100) -> Comparison:
    """Return the comparison of a source's verdicts with what is asked for; `top` changes of it.

    Raises click.UsageError for what can't be asked for, and what reading the source raises.
    """
    if len(request.sources) > 1:
        raise click.UsageError(f"{len(request.sources)} SOURCEs given; what-if reads one")
    asked, settings = request.what_if, request.settings
    if asked == WhatIf(against=asked.against):
        raise click.UsageError(
            "what if what? --policy, --model, --threshold, --without or --rule says what is to be "
            "otherwise; --mode verify judges as it was"
        )
    stack, _ = load_weights(settings)
    try:
        words = words_of(asked, settings, stack)
    except ChangesError as error:
        raise click.UsageError(str(error)) from None
    text = request.sources[0] if request.sources else ""
    checkpoint = None
    work = Run(Comparing(top), {})
    if request.out is not None:
        name = f"what-if {text or '(default)'}: {'; '.join((*words, *_files(asked)))}"
        checkpoint = Checkpoint(request.out, " ".join(name.split()), Comparing)
        if request.resume and (kept := checkpoint.read()):
            work.mark, work.found = kept

    def task(history: str, archive: str) -> WhatIfTask:
        """Make the task with what a run gives it."""
        return WhatIfTask(settings, asked, history, archive, top)

    async def gather(source: Source, folder: Path) -> None:
        """Put the source's labels where the task looks for them."""
        await write_labels(settings, source, folder / LABELS)

    try:
        run_to_end(run_through(request, text, task, work, checkpoint, gather))
    except ChangesError as error:
        raise click.UsageError(str(error)) from None
    return work.found.comparison(
        words,
        before="recorded" if asked.against is None else asked.against.name,
        interrupted=work.stopped,
    )
