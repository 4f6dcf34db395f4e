"""How the text model starts from labelled mail: one pass in order, then more of the gradient."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.sample import Sample
from models.text import TextModel

__all__ = ["PASSES", "SMOOTHING", "repeat", "seed"]

SMOOTHING: Final = 0.02  # more than when every message is labelled: the seed must last
PASSES: Final = 4
_SHUFFLE: Final = 2007


def seed(model: TextModel, samples: Sequence[Sample], labels: Sequence[bool]) -> None:
    """Teach a new model from mail that is all labelled, True for abuse, in order of arrival.

    One pass of both halves in order, then `repeat`. Raises ValueError where a label is missing or a
    sample has no tokens.
    """
    _require_labels(samples, labels)
    for sample, abuse in zip(samples, labels, strict=True):
        model.learn(sample, abuse, smoothing=SMOOTHING)
    repeat(model, samples, labels)


def repeat(model: TextModel, samples: Sequence[Sample], labels: Sequence[bool]) -> None:
    """Go over mail that the model has learned once with SMOOTHING, so that it lasts.

    Four passes of the gradient half alone, each in a shuffled order that is the same on every run.
    Counts gain nothing from seeing a message twice. Raises as `seed`.
    """
    _require_labels(samples, labels)
    shuffle = np.random.default_rng(_SHUFFLE)
    for _ in range(PASSES):
        for place in shuffle.permutation(len(samples)).tolist():
            model.learn(samples[place], labels[place], halves="gradient", smoothing=SMOOTHING)


def _require_labels(samples: Sequence[Sample], labels: Sequence[bool]) -> None:
    if len(samples) != len(labels):
        raise ValueError(f"{len(labels)} labels given, {len(samples)} wanted: one a sample")
