"""What the shipped classifier is trained on beside the corpora, and what of them it isn't."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.synthesis.generate import invent
from apps.synthesis.scenarios import Label
from apps.training.corpora import Sample
from apps.training.dataset import Dataset, read_dataset

__all__ = ["CANDIDATE", "OWN", "SHIPPED", "Recipe", "evaluation_only", "invented_mail"]

_UNSEEN = "phishing"  # the corpus whose license allows evaluation only


class Recipe(NamedTuple):
    """Messages of each label to invent, the generator's seed, and sources to evaluate on only."""

    invented: int = 0
    seed: int = 1
    apart: tuple[str, ...] = ()


OWN = Recipe()
"""For mail of an operator's own."""

CANDIDATE = Recipe(invented=3_000, apart=("sa-spam",))
"""Today's mail and invented mail, without the spam of 2002."""

SHIPPED = CANDIDATE
"""For the public corpora: docs/decisions/0014-synthetic-positives.md says why this one."""


def invented_mail(recipe: Recipe) -> Dataset:
    """Return the mail that a recipe invents: it is trained on, never in a figure."""
    return read_dataset(_samples(recipe))


def evaluation_only(dataset: Dataset, recipe: Recipe) -> NDArray[np.bool_]:
    """Return which messages no model of a recipe may be trained on, shape (n,)."""
    return np.asarray((dataset.origins == _UNSEEN) | np.isin(dataset.sources, recipe.apart))


def _samples(recipe: Recipe) -> Iterator[Sample]:
    labels: tuple[Label, ...] = ("fraud", "honest")
    for label in labels:
        for message in invent(label, recipe.invented, recipe.seed):
            yield Sample(
                f"synthetic-{label}",
                "spam" if label == "fraud" else "ham",
                message.raw,
                message.scenario,
            )
