"""Progress on standard error: a bar where a person watches, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["bar", "bar_from_report", "log_lines"]

_EVERY = 15.0  # seconds from line to line: a short run has none


@contextmanager
def bar(what: str, total: int | None, unit: str = "bytes") -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left while the block runs, and yield what advances it.

    Without a terminal it is a line from time to time, and nothing for bytes.

    Args:
        what: what is being done.
        total: how much there is, in `unit`; None shows no bar.
        unit: "bytes", else the name of what is counted.
    """
    if total is None or (unit == "bytes" and not sys.stderr.isatty()):
        yield lambda _amount: None
        return
    if not sys.stderr.isatty():
        yield log_lines(what, total, unit, time.monotonic)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class _RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")

    columns: tuple[ProgressColumn, ...] = (MofNCompleteColumn(), _RateColumn())
    if unit == "bytes":
        columns = (DownloadColumn(), TransferSpeedColumn())
    with Progress(
        "{task.description}",
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda step: progress.update(task, advance=step)


@contextmanager
def bar_from_report(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show the same for what says as it goes how far it is: yield what is told done, and of all.

    The bar begins with the first report, since nobody knows before how much there is.
    """
    with ExitStack() as shown:
        advance: Callable[[int], None] | None = None
        seen = 0

        def told(done: int, total: int) -> None:
            nonlocal advance, seen
            if advance is None:
                advance = shown.enter_context(bar(what, total, unit))
            advance(done - seen)
            seen = done

        yield told


def log_lines(
    what: str, total: int, unit: str, clock: Callable[[], float]
) -> Callable[[int], None]:
    """Return what advances, and says so once `_EVERY` seconds have gone by since it last did."""
    begun = said = clock()
    done = 0

    def advance(amount: int) -> None:
        nonlocal said, done
        done += amount
        now = clock()
        if now - said < _EVERY:
            return
        said = now
        rate = done / (now - begun)
        minutes, seconds = divmod(round((total - done) / rate), 60) if rate else (0, 0)
        left = f"{minutes:,} min {seconds} s left"
        print(f"{what}: {done:,} of {total:,} {unit}, {rate:,.0f}/s, {left}", file=sys.stderr)

    return advance
