"""What `weir train` and `weir calibrate` read: an operator's own mail, or the public corpora."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.sources import Unreadable, read_mail

if TYPE_CHECKING:  # what needs the train extra is imported when it is used: `--help` does without
    from apps.training.corpora import Sample
    from apps.training.dataset import Dataset
    from apps.training.labelled import Meaning
    from features.evidence import Evidence

__all__ = ["gather", "mail_options", "say"]

_EXTRA = ("lightgbm", "onnx", "onnxmltools")
_LIMIT = 1_000_000  # bytes of a message; as the mail log's default
_UNREADABLE = 3
_MAIL = click.Path(exists=True)

_OPTIONS = (
    click.option(
        "--mail",
        multiple=True,
        type=click.Path(exists=True, file_okay=False),
        metavar="DIR",
        help="A Maildir, or a folder of folders: what lies in Junk, Spam and the like is abuse, "
        "what was sent or thrown away is passed over, the rest is legitimate.",
    ),
    click.option("--ham", multiple=True, type=_MAIL, metavar="PATH", help="Legitimate mail."),
    click.option("--spam", multiple=True, type=_MAIL, metavar="PATH", help="Abusive mail."),
    click.option(
        "--archive",
        metavar="URL",
        help="An archive that keeps messages: those on which labels stand, as these say.",
    ),
    click.option(
        "--templates",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        help="HTML templates of legitimate mail, a folder each: trained on, and none may be "
        "rejected by models that didn't see its folder.",
    ),
    click.option(
        "--corpora",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        help="The unpacked public corpora: the recipe of what is shipped.",
    ),
    click.option(
        "--hold-out",
        multiple=True,
        type=_MAIL,
        metavar="PATH",
        help="Mail to keep out of training, with its near-duplicates.",
    ),
    click.option(
        "--invented",
        type=click.IntRange(0, 100_000),
        metavar="N",
        help="Train on N messages of each kind as `weir synthesize` writes them, too.  "
        "[default: none; with --corpora as many as what is shipped]",
    ),
    click.option(
        "--apart",
        multiple=True,
        metavar="SOURCE",
        help="Source of the corpora to evaluate on only, such as sa-spam.  "
        "[default: as what is shipped]",
    ),
)


def mail_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which mail is read; those of one's own mail may repeat.

    `invented` is None where it wasn't given: the recipe then decides.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def say(line: str) -> None:
    """Tell a person how far it is, on standard error."""
    click.echo(line, err=True)


def gather(  # noqa: PLR0913 - each option that says which mail is read
    ham: tuple[str, ...],
    spam: tuple[str, ...],
    corpora: Path | None,
    hold_out: tuple[str, ...],
    measure: "Callable[[Evidence], float]" = lambda _: 0.0,
    invented: int | None = None,
    apart: tuple[str, ...] = (),
    *,
    mail: tuple[str, ...] = (),
    templates: Path | None = None,
    archive: str | None = None,
) -> "tuple[Dataset, Dataset, Dataset]":
    """Read mail into datasets to train on and for evaluation only, and invent what goes with it.

    `mail` are folders that their owner has sorted (apps.training.labelled), `archive` the URL of
    an archive with its labels. The third dataset is
    trained on and in no figure. `invented` and `apart` replace what the recipe says.
    Raises click's exceptions where the train extra is missing, nothing was named, or mail can't
    be read (exit code 3).
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"training needs {', '.join(missing)}: install the train extra "
            "(pip install '.[train]' in the repository)"
        )
    if corpora is None and not mail and not archive and not (ham and spam):
        raise click.UsageError("give --mail, --archive, or --ham and --spam, or --corpora")

    import numpy as np  # noqa: PLC0415 - `--help` does without

    from apps.training.dataset import read_dataset  # noqa: PLC0415 - the same
    from apps.training.recipe import (  # noqa: PLC0415 - the same
        OWN,
        SHIPPED,
        evaluation_only,
        invented_mail,
    )

    recipe = SHIPPED if corpora else OWN
    if invented is not None:
        recipe = recipe._replace(invented=invented)
    if apart:
        recipe = recipe._replace(apart=apart)
    more = _sorted(mail)
    own = (ham + more["ham"], spam + more["spam"])
    if corpora is None and not archive and not all(own):
        lacking = "legitimate" if own[1] else "abusive"
        raise click.UsageError(f"no {lacking} mail found; give --{'ham' if own[1] else 'spam'} too")
    samples = _samples(*own, corpora, templates)
    if archive:
        from apps.training.archived import archived_samples  # noqa: PLC0415 - pyarrow

        samples = chain(samples, archived_samples(archive, say))
    dataset = read_dataset(samples, _messages(hold_out), say, measure)
    unseen = evaluation_only(dataset, recipe)
    kin = np.isin(dataset.clusters, dataset.clusters[~unseen])
    return dataset.where(~unseen), dataset.where(unseen & ~kin), invented_mail(recipe)


def _messages(paths: tuple[str, ...]) -> Iterator[bytes]:
    for item in read_mail(paths, _LIMIT):
        if isinstance(item, Unreadable):
            failure = click.ClickException(f"{item.name}: {item.reason}")
            failure.exit_code = _UNREADABLE
            raise failure
        yield item.raw


def _sorted(roots: tuple[str, ...]) -> "dict[Meaning, tuple[str, ...]]":
    from apps.training.labelled import sorted_mail  # noqa: PLC0415 - `--help` does without

    found: dict[Meaning, list[str]] = {"ham": [], "spam": [], "passed over": []}
    for root in roots:
        for folder in sorted_mail(root):
            if folder.files:
                say(f"{folder.meaning:11}  {len(folder.files):>7,}  {root}: {folder.name}")
                found[folder.meaning] += folder.files
    return {meaning: tuple(files) for meaning, files in found.items()}


def _samples(
    ham: tuple[str, ...], spam: tuple[str, ...], corpora: Path | None, templates: Path | None
) -> "Iterator[Sample]":
    from apps.training.corpora import (  # noqa: PLC0415 - `--help` does without
        Sample,
        read_corpora,
        read_templates,
        strip_artefacts,
    )

    given = chain(
        (Sample("mail-ham", "ham", strip_artefacts(raw)) for raw in _messages(ham)),
        (Sample("mail-spam", "spam", strip_artefacts(raw)) for raw in _messages(spam)),
        read_templates(templates) if templates else (),
    )
    return chain(read_corpora(corpora), given) if corpora else given
