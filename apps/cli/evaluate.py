"""`weir evaluate`: the TREC spam track's protocol, in this process, on labelled files."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from errno import EACCES, ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from apps.cli.options import as_json, config, read_settings

if TYPE_CHECKING:
    from apps.evaluation.leak import Leak
    from apps.evaluation.protocol import Outcome
    from apps.evaluation.stream import Item

__all__ = ["evaluate"]

_ALL = "text,bayes,counts,behaviour,classifier,signals"
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--index",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Lines `spam PATH` or `ham PATH`, in order of arrival.",
)
@click.option(
    "--protocol",
    type=click.Choice(["immediate"]),
    default="immediate",
    show_default=True,
    help="When labels come: with immediate, right after each verdict. Others will follow.",
)
@click.option("--no-learn", is_flag=True, help="Show no label: score only.")
@click.option(
    "--models",
    "parts",
    default=_ALL,
    show_default=True,
    metavar="A,B",
    help="What takes part in the score; text brings its other half, bayes.",
)
@click.option(
    "--from",
    "snapshot",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SNAPSHOT",
    help="Begin with these online models.  [default: models that have learned nothing]",
)
@click.option("--save", type=_FILE, metavar="SNAPSHOT", help="Write the online models at the end.")
@click.option("--out", type=_FILE, metavar="FILE", help="Write a line of JSON for each message.")
@click.option("--plot", type=_FILE, metavar="FILE", help="Draw the ROC curve as SVG.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge with this policy file.  [default: policy.file, else the shipped one]",
)
@as_json
@config
def evaluate(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    config: Path | None,
    index: Path,
    protocol: str,
    no_learn: bool,
    parts: str,
    snapshot: Path | None,
    save: Path | None,
    out: Path | None,
    plot: Path | None,
    policy: Path | None,
    as_json: bool,
) -> None:
    """Judge labelled mail in order, show each label after its verdict, and tell how well it went.

    Each line of the index is `spam PATH` or `ham PATH`, the path relative to the index's folder:
    one file is one message. A capitalised label (SPAM, Ham) is for scoring only and is never
    shown to the filter.

    The order is the stream: what is learned and what is known of senders is what came before. The
    time, client and sender of a message are those of its trace fields, as in `weir check`; a time
    before that of an earlier message is taken as that one's.

    With --out each line is {"path", "label", "score", "logit", "action"}. docs/evaluation.md
    explains the figures.

    \b
    Examples:
      weir evaluate --index trec07p/full/index
      weir evaluate --index index --models text,behaviour --out scores.jsonl
      weir evaluate --index index --from online.snapshot --no-learn --json

    \b
    Exit codes:
      0  evaluated
      2  usage, settings, policy, index or snapshot are wrong
      3  a file could not be read or written
    """
    del protocol  # the one there is
    chosen = _chosen(parts)
    for file in (out, save, plot):
        if file is not None:
            _require_place(file, index)
    settings = read_settings(config)

    from apps.evaluation.index import read_index
    from apps.evaluation.leak import Leak
    from apps.evaluation.parts import open_offline, save_models
    from apps.evaluation.protocol import immediate
    from apps.evaluation.report import report
    from apps.evaluation.spent import Spent
    from apps.evaluation.stream import read_stream
    from apps.evaluation.subject import Subject

    entries = read_index(index)
    spent = Spent()
    offline = open_offline(settings, chosen, policy=policy, snapshot=snapshot, stage=spent.end)
    leak = Leak(settings, offline.core.classifier)
    stream = read_stream(entries, offline.core.context.limits, datetime.now(UTC))
    outcomes = list(
        _told(
            immediate(_watched(stream, leak, chosen), Subject(offline, spent), learn=not no_learn),
            len(entries),
            out,
        )
    )
    if save is not None:
        save_models(offline, save)
    thresholds = offline.core.policies.default.thresholds_for("inbound", "spam")
    found = {
        "index": str(index),
        "models": list(chosen),
        "trained_on": leak.found if leak.known else None,
        **report(outcomes, {name: p for name, p in thresholds.items() if p}, spent.seconds),
    }
    if plot is not None:
        _draw(plot, index.name, outcomes)
    _warn_of(leak, len(entries))
    _print(found, as_json=as_json)


def _chosen(parts: str) -> tuple[str, ...]:
    known = _ALL.split(",")
    names = [name.strip() for name in parts.split(",")]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} given, wanted are some of {', '.join(known)}", param_hint="--models"
            )
    if "text" in names:  # one model to whoever asks for it; bayes alone can be had
        names.append("bayes")
    return tuple(name for name in known if name in names)


def _require_place(file: Path, index: Path) -> None:
    """Refuse a file that can't be written before the long run, not after it; raises OSError."""
    if not file.parent.is_dir():
        raise FileNotFoundError(ENOENT, "its folder isn't there", str(file))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise PermissionError(EACCES, "can't be written", str(file))
    if file.exists() and file.samefile(index):
        raise click.BadParameter(f"{file} is the index, which would be overwritten")


def _watched(stream: "Iterable[Item]", leak: "Leak", chosen: tuple[str, ...]) -> "Iterator[Item]":
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


def _told(outcomes: "Iterable[Outcome]", total: int, out: Path | None) -> "Iterator[Outcome]":
    """Pass outcomes on, with a bar where a person watches and a line each where one is wanted."""
    from apps.cli.progress import bar

    with ExitStack() as stack:
        advance = stack.enter_context(bar("evaluating", total, "messages"))
        write = _writer(stack.enter_context(out.open("wb"))) if out is not None else None
        for outcome in outcomes:
            advance(1)
            if write is not None:
                write(outcome)
            yield outcome


def _writer(file: BinaryIO) -> "Callable[[Outcome], None]":
    import orjson

    def write(outcome: "Outcome") -> None:
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


def _draw(file: Path, title: str, outcomes: "list[Outcome]") -> None:
    from apps.evaluation.figures import curve
    from apps.evaluation.plot import svg
    from apps.evaluation.protocol import scores_of

    scores = scores_of(outcomes)
    ham, spam = len(scores.of_ham), len(scores.of_spam)
    if not ham or not spam:
        click.echo(f"Warning: {file} isn't drawn: a curve needs spam and ham", err=True)
        return
    file.write_text(svg(curve(scores), title, ham, spam), "utf-8")


def _warn_of(leak: "Leak", count: int) -> None:
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


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    from rich.console import Console

    from apps.evaluation.tables import tables

    console = Console(highlight=False)
    for table in tables(found):
        console.print(table, soft_wrap=isinstance(table, str))
