"""`weir evaluate`: the TREC spam track's protocol, in this process, on labelled files."""

import os
from datetime import UTC, datetime
from errno import EACCES, ENOENT
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.options import as_json, config, read_settings

if TYPE_CHECKING:
    from apps.evaluation.index import Entry
    from apps.evaluation.plan import Asked, Plan

__all__ = ["evaluate"]

_ALL = "text,bayes,counts,behaviour,classifier,signals"
_FILE = click.Path(dir_okay=False, path_type=Path)
_PERCENT = click.FloatRange(0, 100)


@click.command()
@click.option(
    "--index",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Lines `spam PATH` or `ham PATH`, in order of arrival.",
)
@click.option(
    "--protocol",
    default="immediate",
    show_default=True,
    metavar="immediate|delayed:N|partial:P|audit:N|reports",
    help="Which labels are shown, and when; see below.",
)
@click.option(
    "--noise",
    default="",
    metavar="P|list:P",
    help="Give P % of the labels the wrong way round, or of those of the busiest mailing list.",
)
@click.option(
    "--frozen-after",
    type=click.IntRange(1),
    metavar="N",
    help="Show no label once N messages are judged; what was learned till then is made to last.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that goes by chance.")
@click.option(
    "--first",
    type=click.IntRange(0),
    default=5_000,
    show_default=True,
    metavar="N",
    help="reports: messages at the start that are all labelled.",
)
@click.option(
    "--reported",
    type=_PERCENT,
    default=20.0,
    show_default=True,
    help="reports: % of delivered spam.",
)
@click.option(
    "--rescued",
    type=_PERCENT,
    default=5.0,
    show_default=True,
    help="reports: % of junked ham.",
)
@click.option(
    "--misreported",
    type=_PERCENT,
    default=0.2,
    show_default=True,
    help="reports: % of delivered ham that is reported as spam.",
)
@click.option(
    "--replied",
    type=_PERCENT,
    default=0.0,
    show_default=True,
    help="reports: % of delivered ham that is answered.",
)
@click.option(
    "--late",
    type=click.FloatRange(0),
    default=500.0,
    show_default=True,
    metavar="N",
    help="reports: how many messages later a report comes, on average.",
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
    "--report",
    "page",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a page to look at, with curves and the costliest mistakes, and its figures.",
)
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="A B",
    help="Compare two files that --out wrote of one stream; nothing is judged.",
)
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
    index: Path | None,
    protocol: str,
    noise: str,
    frozen_after: int | None,
    seed: int,
    first: int,
    reported: float,
    rescued: float,
    misreported: float,
    replied: float,
    late: float,
    no_learn: bool,
    parts: str,
    snapshot: Path | None,
    save: Path | None,
    out: Path | None,
    plot: Path | None,
    page: Path | None,
    compare: tuple[Path, Path] | None,
    policy: Path | None,
    as_json: bool,
) -> None:
    """Judge labelled mail in order, show labels as a protocol has it, and tell how well it went.

    Each line of the index is `spam PATH` or `ham PATH`, the path relative to the index's folder:
    one file is one message. A capitalised label (SPAM, Ham) is for scoring only and is never
    shown to the filter.

    The order is the stream: what is learned and what is known of senders is what came before. The
    time, client and sender of a message are those of its trace fields, as in `weir check`; a time
    before that of an earlier message is taken as that one's.

    \b
    Protocols:
      immediate    each label right after its verdict
      delayed:N    each label N messages later
      partial:P    P % of the messages are labelled, drawn at random
      audit:N      N labels in all, asked for: most where the score is in doubt
      reports      the first are all labelled, then people report what they see

    With --out each line is {"path", "label", "score", "logit", "action"}. docs/evaluation.md
    explains protocols and figures.

    \b
    Examples:
      weir evaluate --index trec07p/full/index
      weir evaluate --index index --protocol delayed:1000 --report delayed
      weir evaluate --index index --frozen-after 10000 --out frozen.jsonl
      weir evaluate --index index --protocol reports --noise list:40 --out reports.jsonl
      weir evaluate --compare reports.jsonl frozen.jsonl
      weir evaluate --index index --from online.snapshot --no-learn --json

    \b
    Exit codes:
      0  evaluated
      2  usage, settings, policy, index or snapshot are wrong
      3  a file could not be read or written
    """
    if compare is not None:
        _compare(compare, as_json=as_json)
        return
    if index is None:
        raise click.UsageError("Give --index FILE, or --compare A B.")
    chosen = _chosen(parts)
    for file in (out, save, plot):
        if file is not None:
            _require_place(file, index)
    if page is not None:
        page.mkdir(parents=True, exist_ok=True)
    settings = read_settings(config)

    from apps.cli.evaluated import draw, told, warn_of, watched
    from apps.evaluation.index import read_index
    from apps.evaluation.leak import Leak
    from apps.evaluation.parts import open_offline, save_models
    from apps.evaluation.plan import Asked
    from apps.evaluation.protocol import run
    from apps.evaluation.regimes import Rates
    from apps.evaluation.report import report
    from apps.evaluation.spent import Spent
    from apps.evaluation.stream import read_stream
    from apps.evaluation.subject import Subject

    rates = Rates(reported / 100, rescued / 100, misreported / 100, replied / 100, late)
    frozen = 0 if no_learn else frozen_after
    asked = Asked(protocol, noise, frozen, first, rates, seed)
    entries = read_index(index)
    planned = _planned(asked, entries)
    spent = Spent()
    offline = open_offline(settings, chosen, policy=policy, snapshot=snapshot, stage=spent.end)
    leak = Leak(settings, offline.core.classifier)
    stream = read_stream(entries, offline.core.context.limits, datetime.now(UTC))
    subject = Subject(offline, spent, lasting=planned.lasting, recipe=planned.recipe)
    outcomes = list(
        told(
            run(
                watched(stream, leak, chosen),
                subject,
                planned.regime,
                until=planned.until,
                settled=planned.settled,
            ),
            len(entries),
            out,
        )
    )
    if save is not None:
        save_models(offline, save)
    thresholds = offline.core.policies.default.thresholds_for("inbound", "spam")
    found = {
        "index": str(index),
        "protocol": {
            "name": protocol,
            "noise": noise or None,
            "listed": planned.listed,
            "frozen_after": planned.until,
            "labelled_first": planned.settled,
            "seed": seed,
        },
        "models": list(chosen),
        "trained_on": leak.found if leak.known else None,
        **report(outcomes, {name: p for name, p in thresholds.items() if p}, spent.seconds),
    }
    if plot is not None:
        draw(plot, index.name, outcomes)
    if page is not None:
        from apps.evaluation.page import write_page

        write_page(page, found, outcomes)
    warn_of(leak, len(entries))
    _print(found, as_json=as_json)


def _compare(files: tuple[Path, Path], *, as_json: bool) -> None:
    from apps.evaluation.compared import compared

    try:
        found = compared(*files)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        import orjson

        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    from rich.console import Console

    from apps.evaluation.tables import comparison

    console = Console(highlight=False)
    for table in comparison(found):
        console.print(table, soft_wrap=isinstance(table, str))


def _planned(asked: "Asked", entries: "list[Entry]") -> "Plan":
    """Return how labels are shown; what is written wrong is refused before the long run."""
    from apps.evaluation.noise import list_of_file
    from apps.evaluation.plan import plan

    lists = [list_of_file(it.file) for it in entries] if asked.about_a_list else None
    try:
        return plan(asked, [it.spam for it in entries], lists)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


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
