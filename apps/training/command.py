"""`weir train` and `weir calibrate`: the classifier, and its place beside the signals."""

import sys
from pathlib import Path

import click

from apps.cli.models_commanded import need_folder, shadow
from apps.cli.options import config, read_settings, run
from apps.training.gathering import gather, mail_options, say

__all__ = ["calibrate", "train"]

_LICENSES = {
    "sa": "CC0 (SpamAssassin public corpus)",
    "templates": "Apache-2.0 (sendwithus/templates)",
    "synthetic": "Apache-2.0 (invented: weir synthesize)",
    "modern": "senders' copyright: features and weights only, messages aren't republished",
}
_WEIGHTS = Path("detectors/data/weights.toml")
_MODEL = "classifier"


@click.command()
@mail_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model"),
    show_default=True,
    metavar="DIR",
    help="Folder for classifier.onnx, manifest.json, trained_on.bin and MODEL_CARD.md.",
)
@click.option(
    "--trees",
    type=click.IntRange(1, 5_000),
    default=300,
    show_default=True,
    help="Trees to grow.",
)
@click.option(
    "--leaves",
    type=click.IntRange(2, 1_000),
    default=15,
    show_default=True,
    help="Leaves of a tree, at most.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 20),
    default=5,
    show_default=True,
    help="Parts of the cross-validation.",
)
@click.option(
    "--seed",
    type=int,
    default=20_261_121,
    show_default=True,
    help="Seed of folds and trees.",
)
@click.option(
    "--force", is_flag=True, help="Write the model, and let it act, though a release gate fails."
)
@click.option(
    "--publish",
    is_flag=True,
    help="Then have it score all mail as a shadow, as `weir models shadow` does.",
)
@config
def train(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    ham: tuple[str, ...],
    spam: tuple[str, ...],
    corpora: Path | None,
    hold_out: tuple[str, ...],
    invented: int | None,
    apart: tuple[str, ...],
    mail: tuple[str, ...],
    archive: str | None,
    templates: Path | None,
    out: Path,
    trees: int,
    leaves: int,
    folds: int,
    seed: int,
    force: bool,  # noqa: FBT001 - the same
    publish: bool,  # noqa: FBT001 - the same
    config: Path | None,
) -> None:
    """Train the classifier from folders of mail, and write down how good it is.

    --mail reads a Maildir, or a folder of folders, by its folders' names; --archive the messages
    of an archive by the labels that stand on them, where their mail is kept. A PATH is a folder
    (read recursively), an mbox, a Maildir or one message. Options that take one may be repeated.
    The figures are cross-validated, near-duplicates kept together; besides, the newest fifth is
    judged by a model of what came before. The same command on the same mail gives the same bytes on
    one machine.

    The model isn't written where a release gate fails: legitimate HTML templates that it would
    have rejected, or an artifact that differs from what was trained. It is written as a shadow,
    which scores and never acts, where your own mail doesn't show that it rejects 0.04 % of the
    legitimate at most: that takes 7,500 legitimate messages or more.

    \b
    Examples:
      weir train --mail ~/Maildir --out model
      weir train --ham archive.mbox --spam spam/ --out model --publish
      weir train --archive s3://mail/weir --mail ~/Maildir --out model
      weir train --corpora corpora --hold-out examples --out models/artifacts

    \b
    Exit codes:
      0  written, and published if asked
      1  a release gate failed, too little mail to split, or no learner took it as a shadow
      2  usage or settings
      3  mail could not be read
      4  --publish, and Kafka could not be reached (said before the training begins)
    """  # noqa: D301 - click reads the backspace character itself
    if publish:
        _ready(config)
    dataset, unseen, beside = gather(
        ham,
        spam,
        corpora,
        hold_out,
        invented=invented,
        apart=apart,
        mail=mail,
        templates=templates,
        archive=archive,
    )

    from apps.training.inputs import inputs  # noqa: PLC0415 - needs the train extra
    from apps.training.train import train as run  # noqa: PLC0415 - the same
    from apps.training.train import write  # noqa: PLC0415 - the same
    from apps.training.trees import Parameters  # noqa: PLC0415 - the same

    parameters = Parameters(trees=trees, leaves=leaves, seed=seed)
    licenses = _LICENSES if corpora else {"synthetic": _LICENSES["synthetic"]}
    try:
        release = run(
            dataset,
            unseen,
            inputs(),
            parameters,
            folds=folds,
            licenses=licenses,
            say=say,
            beside=beside,
            own=corpora is None,
            force=force,
        )
    except ValueError as error:
        raise click.ClickException(f"cannot train: {error}") from error
    for gate in release.gates:
        say(f"gate {gate.name}: {'holds' if gate.holds else 'FAILS'}: {gate.found}")
    if not release.passes and not force:
        say("not written; --force writes it all the same")
        sys.exit(1)
    write(release, out)
    click.echo(f"{out}: version {release.version}, {len(release.artifact):,} bytes")
    if corpora is None and not release.may_act and not force:
        click.echo(
            "A shadow only: it may score and not act. `weir models shadow` lets it score; to act "
            "it takes more mail, or --force."
        )
    if publish:
        click.get_current_context().invoke(shadow, path=out, config=config, reason="weir train")


@click.command()
@mail_options
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=_WEIGHTS,
    show_default=True,
    metavar="FILE",
    help="The weights to fit: the shipped file, or one of your own (weir weigh --out).",
)
@click.option(
    "--abuse-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.02,
    show_default=True,
    help="Share of abuse in the stream that the scores are calibrated for.",
)
@click.option("--write", is_flag=True, help="Put the fitted numbers into the file.")
def calibrate(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    ham: tuple[str, ...],
    spam: tuple[str, ...],
    corpora: Path | None,
    hold_out: tuple[str, ...],
    invented: int | None,
    apart: tuple[str, ...],
    mail: tuple[str, ...],
    archive: str | None,
    templates: Path | None,
    weights: Path,
    abuse_rate: float,
    write: bool,  # noqa: FBT001 - click passes each option as an argument
) -> None:
    """Fit what the classifier weighs beside the signals, the bias, and the scores' calibration.

    The signals' weights, which `weir weigh` measures, stay as they are among each other. The
    model's margins are those of mail that it wasn't trained on, cross-validated as by `weir train`.
    Printed are the share of each source's mail at the shipped thresholds, with the weights as they
    were and as fitted.

    \b
    Example:
      weir calibrate --corpora corpora --hold-out examples --write

    \b
    Exit codes:
      0  fitted
      1  too little mail to split
      2  usage
      3  mail could not be read
    """  # noqa: D301 - click reads the backspace character itself
    from detectors.catalogue import SPECS  # noqa: PLC0415 - `--help` does without
    from detectors.stack import shipped_weights_text  # noqa: PLC0415 - the same
    from detectors.weights import read_own_weights  # noqa: PLC0415 - the same

    text = weights.read_text("utf-8")
    old = read_own_weights(text, shipped_weights_text(), SPECS)

    from apps.training.stacking import (  # noqa: PLC0415 - `--help` does without
        Fit,
        comparison,
        fit_validated,
        signals_sum,
        updated,
    )

    dataset, unseen, beside = gather(
        ham,
        spam,
        corpora,
        hold_out,
        signals_sum(old),
        invented,
        apart,
        mail=mail,
        templates=templates,
        archive=archive,
    )
    try:
        fit, validation = fit_validated(dataset, unseen, old, _MODEL, abuse_rate, say, beside)
    except ValueError as error:
        raise click.ClickException(f"cannot calibrate: {error}") from error
    before = Fit.of(old, _MODEL)
    for line in comparison(dataset, unseen, validation, before, fit):
        click.echo(line)
    if write:
        weights.write_text(updated(text, _MODEL, fit), "utf-8")
        click.echo(f"{weights}: written")


def _ready(path: Path | None) -> None:
    """Fail before the training where what it makes couldn't be published after it."""
    from streams.topics import check  # noqa: PLC0415 - `--help` does without

    settings = read_settings(path)
    need_folder(settings)
    run(check(settings))
