"""`weir weigh`: the signals' weights from legitimate mail."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import config, read_settings

if TYPE_CHECKING:  # `--help` does without
    from apps.sources import Unreadable
    from apps.weighing.mail import Piece
    from apps.weighing.measurement import Measurement
    from apps.weighing.recipe import Kept
    from detectors.judging import Judge
    from streams.settings import Settings

__all__ = ["weigh"]

_KEEP = ("judgement", "rates")
_NAMED = 5  # of signals in an error
_RECALL_OF = "phishing-pot"  # of the corpora: what the shipped file tells recall of


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True), metavar="[FOLDER]...")
@click.option(
    "--source",
    "named",
    multiple=True,
    metavar="NAME=PATH",
    help="A source under a name of its own; may be repeated.",
)
@click.option(
    "--corpora",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The unpacked public corpora: the recipe of what is shipped.",
)
@click.option(
    "--abuse",
    multiple=True,
    type=click.Path(exists=True),
    metavar="PATH",
    help="Abusive mail: shows and records each signal's recall, fits nothing.",
)
@click.option(
    "--keep",
    default="judgement,rates",
    show_default=True,
    metavar="WHAT",
    help="What stays of the shipped: weights set by judgement, rates of other mail; or none.",
)
@click.option(
    "--measure",
    multiple=True,
    metavar="NAME",
    help="Weigh this signal by the mail though its weight is set by judgement.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the weights for models.weights; without it they are only shown.",
)
@click.option("--all", "everything", is_flag=True, help="Show every signal, not what changes most.")
@config
def weigh(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    config: Path | None,
    folders: tuple[str, ...],
    named: tuple[str, ...],
    corpora: Path | None,
    abuse: tuple[str, ...],
    keep: str,
    measure: tuple[str, ...],
    out: Path | None,
    everything: bool,  # noqa: FBT001 - the same
) -> None:
    """Weigh the signals by your own legitimate mail.

    Each FOLDER is a source: a Maildir, an mbox, or a folder of messages. Junk and trash inside a
    Maildir are passed over. A signal weighs ln(0.15 / the highest rate at which a source's mail
    fires it), at most 6 logits; what never fires counts as three in all the mail but that of the
    largest source. The mail that the shipped weights were measured on counts too, unless --keep
    leaves it out. Thresholds and actions are shown by weights that never saw the message's own
    source, so give several: other people, other lists, other years.

    The file lies over the shipped weights: name it in models.weights, for worker, check and
    evaluate. It records the thresholds too; what acts are the policy's probabilities.

    \b
    Examples:
      weir weigh ~/Maildir /srv/mail/orders --out weights.toml
      weir weigh --source lists=archive.mbox --source me=~/Maildir --abuse ~/Maildir/.Junk
      weir weigh --corpora corpora --out detectors/data/weights.toml

    \b
    Exit codes:
      0  weighed
      1  too little mail
      2  usage, settings or policy are wrong
      3  mail could not be read
    """  # noqa: D301 - click reads the backspace character itself
    if out is not None and not out.parent.is_dir():
        raise click.BadParameter(f"{out}: its folder isn't there", param_hint="--out")
    sources = _sources(folders, named, corpora)
    words = _words(keep)
    from apps.installation import open_judge  # noqa: PLC0415 - `--help` does without
    from apps.weighing.file import own, shipped  # noqa: PLC0415 - the same
    from apps.weighing.told import told  # noqa: PLC0415 - the same

    settings = read_settings(config)
    judge = open_judge(settings)
    copies: Counter[str] = Counter()
    found, broken = _measured(judge, settings, sources, corpora, abuse, words, measure, copies)
    for line in told(found, copies, broken, everything=everything):
        click.echo(line)
    if out is None:
        click.echo("\nNothing written; --out FILE writes weights to use.")
        return
    if corpora is not None and out.exists():
        text = shipped(found.weights, out.read_text("utf-8"))
    else:
        text = own(found.weights, _remark(found))
    out.write_text(text, "utf-8")
    use = "" if corpora else f" To use it: models.weights = {str(out)!r} (weir settings)"
    click.echo(f"\n{out}: written.{use}")


def _sources(
    folders: tuple[str, ...], named: tuple[str, ...], corpora: Path | None
) -> dict[str, str]:
    from apps.weighing.mail import source_names  # noqa: PLC0415 - `--help` does without

    given = {}
    for item in named:
        name, _, path = item.partition("=")
        if not name or not path or not Path(path).expanduser().exists():
            raise click.BadParameter(
                f"{item!r} given, wanted is NAME=PATH with a path that exists",
                param_hint="--source",
            )
        given[name] = str(Path(path).expanduser())
    if not folders and not given and corpora is None:
        raise click.UsageError("name folders of legitimate mail, each a source, or --corpora")
    try:
        return source_names(folders, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _kept(keep: frozenset[str], corpora: Path | None, measured: tuple[str, ...]) -> "Kept":
    from apps.weighing.recipe import Kept  # noqa: PLC0415 - `--help` does without

    # The corpora are what the shipped rates were measured on: counted anew, all but the survey.
    rates: Literal["all", "survey", "none"] = "survey" if corpora else "all"
    return Kept(
        judgement="judgement" in keep,
        rates=rates if "rates" in keep else "none",
        measure=frozenset(measured),
    )


def _words(keep: str) -> frozenset[str]:
    wanted = frozenset(word.strip() for word in keep.split(",")) - {"none", ""}
    if not wanted <= frozenset(_KEEP):
        raise click.BadParameter(
            f"{keep!r} given, wanted are {', '.join(_KEEP)} or none", param_hint="--keep"
        )
    return wanted


def _measured(
    judge: "Judge",
    settings: "Settings",
    sources: dict[str, str],
    corpora: Path | None,
    abuse: tuple[str, ...],
    keep: frozenset[str],
    measured: tuple[str, ...],
    copies: Counter[str],
) -> "tuple[Measurement, int]":
    from contextlib import closing  # noqa: PLC0415 - `--help` does without
    from functools import partial  # noqa: PLC0415 - `--help` does without

    from apps.cli.progress import bar  # noqa: PLC0415 - the same
    from apps.sources import total_bytes  # noqa: PLC0415 - the same
    from apps.weighing.mail import distinct  # noqa: PLC0415 - the same
    from apps.weighing.measurement import measure  # noqa: PLC0415 - the same
    from apps.weighing.recipe import reweighed  # noqa: PLC0415 - the same
    from apps.weighing.seen import look  # noqa: PLC0415 - the same
    from detectors.catalogue import SPECS  # noqa: PLC0415 - the same
    from detectors.stack import (  # noqa: PLC0415 - the same
        shipped_stack,
        shipped_weights_text,
    )
    from detectors.terms import prepare  # noqa: PLC0415 - the same
    from detectors.weights import read_weights  # noqa: PLC0415 - the same
    from streams.sandbox.sandbox import Sandbox  # noqa: PLC0415 - the same

    today = datetime.now(UTC).date()
    before = read_weights(shipped_weights_text(), SPECS)
    lacking = [name for name in SPECS if name not in before.signals]
    if lacking:
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise Failure(
            f"{', '.join(lacking[:_NAMED])}{more}: no entry in detectors/data/weights.toml; add "
            '[signals.NAME] with weight, measured = DATE and on = "set by judgement: why"',
            Code.USAGE,
        )
    unknown = [name for name in measured if name not in SPECS]
    if unknown:
        raise click.BadParameter(
            f"no signal is called {', '.join(unknown)}", param_hint="--measure"
        )
    recipe = partial(reweighed, before.signals, SPECS, _kept(keep, corpora, measured), today)
    paths = [*sources.values(), *abuse, *([str(corpora)] if corpora else [])]
    limit = judge.context.limits.message_bytes
    seen, broken = [], 0
    with (
        bar("weighing", total_bytes(paths)) as advance,
        closing(Sandbox(settings.attachments)) as sandbox,
    ):
        pieces = distinct(_pieces(sources, corpora, abuse, limit), copies)
        for piece, one, _ in look(judge, sandbox, pieces):
            advance(piece.size)
            if one is None:
                broken += 1
            else:
                seen.append(one)
    terms = prepare(
        judge.policies.default,
        judge.policies.digest,
        shipped_stack(),
        judge.context,
        judge.engine,
    )
    try:
        return measure(seen, before, recipe, terms, _RECALL_OF if corpora else ""), broken
    except ValueError as error:
        raise Failure(f"cannot weigh: {error}", Code.NO) from None


def _pieces(
    sources: dict[str, str], corpora: Path | None, abuse: tuple[str, ...], limit: int
) -> "Iterator[Piece | Unreadable]":
    from apps.sources import Unreadable, read_mail  # noqa: PLC0415 - `--help` does without
    from apps.weighing.mail import (  # noqa: PLC0415 - the same
        ABUSE,
        Piece,
        of_corpora,
        of_folders,
    )

    if corpora is not None:
        yield from of_corpora(corpora)
    yield from of_folders(sources, limit)
    for item in read_mail(abuse, limit):
        if isinstance(item, Unreadable):
            yield item
        else:
            yield Piece("abuse", ABUSE, "", item.raw, item.name, item.size)


def _remark(found: "Measurement") -> list[str]:
    sizes = Counter(one.source for one in found.ham)
    day = datetime.now(UTC).date().isoformat()
    return [
        "The signals' weights by your own legitimate mail, for models.weights: laid over those",
        f"shipped. Made by `weir weigh`, {day}: {sizes.total():,} messages, {len(sizes)} sources.",
        "`fp` is the share of each source's mail that fires the signal. [[thresholds]] is a record",
        "for people: the sum of signals that a share of that mail exceeds.",
    ]
