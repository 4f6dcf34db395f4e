"""What `weir evaluate` tells while it runs, and writes of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from apps.cli.progress import bar
from apps.evaluation.drawn import roc_of
from apps.evaluation.leak import Leak
from apps.evaluation.protocol import Outcome, scores_of
from apps.evaluation.stream import Item
from apps.pages.chart import standalone

__all__ = ["draw", "told", "warn_of", "watched"]


def watched(stream: Iterable[Item], leak: Leak, chosen: tuple[str, ...]) -> Iterator[Item]:
    """Warn at once where the classifier knows a message: a long run need not go on for nothing."""
    for item in stream:
        if leak.look(item.incoming.raw) and leak.found == 1:
            others = ",".join(name for name in chosen if name != "classifier")
            click.echo(
                f"Warning: {item.entry.path} is among the mail that the classifier was trained "
                f"on: the figures will flatter it. Leave it out: --models {others}",
                err=True,
            )
        yield item


def told(outcomes: Iterable[Outcome], total: int, out: Path | None) -> Iterator[Outcome]:
    """Pass outcomes on, with a bar where a person watches and a line each where one is wanted."""
    with ExitStack() as stack:
        advance = stack.enter_context(bar("evaluating", total, "messages"))
        write = _writer(stack.enter_context(out.open("wb"))) if out is not None else None
        for outcome in outcomes:
            advance(1)
            if write is not None:
                write(outcome)
            yield outcome


def _writer(file: BinaryIO) -> Callable[[Outcome], None]:
    def write(outcome: Outcome) -> None:
        opinion = outcome.opinion
        line = {
            "path": outcome.path.encode("utf-8", "backslashreplace").decode(),
            "label": "spam" if outcome.spam else "ham",
            "score": opinion.score,
            "logit": opinion.logit,
            "action": opinion.action,
        }
        file.write(orjson.dumps(line) + b"\n")

    return write


def draw(file: Path, title: str, outcomes: list[Outcome]) -> None:
    """Draw the ROC curve; raises OSError."""
    drawn = roc_of(scores_of(outcomes), title)
    if not drawn:
        click.echo(f"Warning: {file} isn't drawn: a curve needs spam and ham", err=True)
        return
    file.write_text(standalone(drawn), "utf-8")


def warn_of(leak: Leak, count: int) -> None:
    """Say at the end whether the classifier knew the mail."""
    if leak.found:
        click.echo(
            f"Warning: {leak.found:,} of {count:,} messages are among the classifier's training "
            "mail: these figures aren't to be compared with others",
            err=True,
        )
    elif not leak.known:
        click.echo(
            "Warning: the classifier doesn't say which mail it was trained on (trained_on.bin is "
            "missing or another): if it was this, the figures are worthless",
            err=True,
        )
