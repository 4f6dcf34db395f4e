"""A model as the stack asks it: logits of a batch, under the names that the verdict shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.classifier import Classifier
from models.sample import Sample

__all__ = ["Logits", "Voter", "offline_voter"]

Logits = Callable[[Sequence[Sample]], NDArray[np.float64]]
"""Samples to logits, shape (n, names)."""


@dataclass(frozen=True, slots=True)
class Voter:
    """A model's logits by name: `logits` returns float64 of shape (n, len(names)) for n samples.

    Each row depends on its sample alone, to the bit. A value that isn't finite is no vote.
    """

    names: tuple[str, ...]
    versions: tuple[str, ...]
    logits: Logits


def offline_voter(classifier: Classifier) -> Voter:
    """Return the offline classifier as a voter."""

    def logits(samples: Sequence[Sample]) -> NDArray[np.float64]:
        return classifier.predict(np.stack([sample.vector for sample in samples]))[:, np.newaxis]

    return Voter((classifier.name,), (classifier.version,), logits)
