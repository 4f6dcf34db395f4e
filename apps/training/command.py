"""`weir train`: folders of mail to an ONNX classifier with its manifest and model card."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.sources import Unreadable, read_mail

if TYPE_CHECKING:  # the command's own modules need the train extra, and `--help` doesn't
    from apps.training.corpora import Sample

__all__ = ["train"]

_EXTRA = ("lightgbm", "onnx", "onnxmltools")
_LIMIT = 1_000_000  # bytes of a message; as the mail log's default
_UNSEEN = "phishing"  # the corpus whose license allows evaluation only
_LICENSES = {
    "sa": "CC0 (SpamAssassin public corpus)",
    "templates": "Apache-2.0 (sendwithus/templates)",
    "modern": "senders' copyright: features and weights only, messages aren't republished",
}
_MAIL = click.Path(exists=True)


@click.command(epilog="Exit codes: 0 written, 1 a release gate failed, 2 usage, 3 unreadable mail.")
@click.option("--ham", multiple=True, type=_MAIL, metavar="PATH", help="Legitimate mail. Repeats.")
@click.option("--spam", multiple=True, type=_MAIL, metavar="PATH", help="Abusive mail. Repeats.")
@click.option(
    "--corpora",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The unpacked public corpora: the recipe of the shipped model.",
)
@click.option(
    "--hold-out",
    multiple=True,
    type=_MAIL,
    metavar="PATH",
    help="Mail to keep out of training, with its near-duplicates. Repeats.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model"),
    show_default=True,
    metavar="DIR",
    help="Folder for classifier.onnx, manifest.json and MODEL_CARD.md.",
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
@click.option("--force", is_flag=True, help="Write the model even where a release gate fails.")
def train(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    ham: tuple[str, ...],
    spam: tuple[str, ...],
    corpora: Path | None,
    hold_out: tuple[str, ...],
    out: Path,
    trees: int,
    leaves: int,
    folds: int,
    seed: int,
    *,
    force: bool,
) -> None:
    """Train the classifier from folders of mail, and write down how good it is.

    A PATH is a folder (read recursively), an mbox, a Maildir or one message. The figures are
    cross-validated, near-duplicates kept together. The same command on the same mail gives the
    same bytes on one machine.

    The model isn't written where a release gate fails: legitimate HTML templates that it would
    have rejected, or an artifact that differs from what was trained.

    \b
    Examples:
      weir train --ham ~/Maildir --spam ~/Maildir/.Junk --out model
      weir train --corpora corpora --hold-out examples --out models/artifacts
    """  # noqa: D301 - click reads the backspace character itself
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"weir train needs {', '.join(missing)}: install the train extra "
            "(`make setup`, or pip install '.[train]' in the repository)"
        )
    if corpora is None and not (ham and spam):
        raise click.UsageError("give --ham and --spam, or --corpora")

    import numpy as np  # noqa: PLC0415 - `--help` does without

    from apps.training.dataset import read_dataset  # noqa: PLC0415 - needs the extra
    from apps.training.inputs import inputs  # noqa: PLC0415 - the same
    from apps.training.train import train as run  # noqa: PLC0415 - the same
    from apps.training.train import write  # noqa: PLC0415 - the same
    from apps.training.trees import Parameters  # noqa: PLC0415 - the same

    dataset = read_dataset(_samples(ham, spam, corpora), _messages(hold_out), _say)
    evaluation_only = dataset.origins == _UNSEEN
    kin = np.isin(dataset.clusters, dataset.clusters[~evaluation_only])
    try:
        release = run(
            dataset.where(~evaluation_only),
            dataset.where(evaluation_only & ~kin),
            inputs(),
            Parameters(trees=trees, leaves=leaves, seed=seed),
            folds=folds,
            licenses=_LICENSES,
            say=_say,
        )
    except ValueError as error:
        raise click.ClickException(f"cannot train: {error}") from error
    for gate in release.gates:
        _say(f"gate {gate.name}: {'holds' if gate.holds else 'FAILS'}: {gate.found}")
    if not release.passes and not force:
        _say("not written; --force writes it all the same")
        sys.exit(1)
    write(release, out)
    click.echo(f"{out}: version {release.version}, {len(release.artifact):,} bytes")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _messages(paths: tuple[str, ...]) -> Iterator[bytes]:
    for item in read_mail(paths, _LIMIT):
        if isinstance(item, Unreadable):
            click.echo(f"{item.name}: {item.reason}", err=True)
            sys.exit(3)
        yield item.raw


def _samples(
    ham: tuple[str, ...], spam: tuple[str, ...], corpora: Path | None
) -> "Iterator[Sample]":
    from apps.training.corpora import Sample, read_corpora, strip_artefacts  # noqa: PLC0415 - the same

    given = chain(
        (Sample("mail-ham", "ham", strip_artefacts(raw)) for raw in _messages(ham)),
        (Sample("mail-spam", "spam", strip_artefacts(raw)) for raw in _messages(spam)),
    )
    return chain(read_corpora(corpora), given) if corpora else given
