"""The classifier's margins by models that never saw the message, nor its source where it's ham."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.bench.corpora_seen import Read
from apps.bench.held_out import FOLDS, HeldOut, Say, read_held_out
from apps.training.dataset import Dataset
from apps.training.left_out import strange_logits

__all__ = ["Margins", "held_out_margins"]

Floats = NDArray[np.float64]


class Margins(NamedTuple):
    """Calibrated margins, each of shape (FOLDS, messages); NaN where a message isn't in the data.

    `folded` are by folds that keep near-duplicates together: the model saw other mail of the
    source. `strange` differ for legitimate mail: by a model that never saw its source, but for the
    largest, without which little would be left. Mail for evaluation has the margin of every fold's
    model, all other mail one.
    """

    folded: Floats
    strange: Floats


def held_out_margins(corpora: Path, reads: Sequence[Read], say: Say) -> Margins:
    """Train the folds' models and those without a source, and return what they say."""
    mail = read_held_out(corpora, say)
    ours = strange_logits(
        mail.dataset,
        mail.validation.logits,
        mail.columns,
        mail.parameters,
        mail.validation.calibration,
        say,
        beside=mail.beside,
    )
    return Margins(_arranged(mail, mail.validation.logits, reads), _arranged(mail, ours, reads))


def _arranged(mail: HeldOut, ours: Floats, reads: Sequence[Read]) -> Floats:
    known = dict(zip(_places(mail.dataset), ours, strict=True))
    unseen = dict(zip(_places(mail.unseen), mail.validation.unseen.T, strict=True))
    none = np.full(FOLDS, np.nan)
    rows = []
    for read in reads:
        place = (read.seen.source, read.sha256)
        rows.append(np.full(FOLDS, known[place]) if place in known else unseen.get(place, none))
    return np.array(rows).T


def _places(dataset: Dataset) -> list[tuple[str, str]]:
    return list(zip(dataset.sources.tolist(), dataset.sha256, strict=True))
