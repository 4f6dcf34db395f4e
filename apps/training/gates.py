"""What a model must not do, or it isn't released."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.training.calibration import sigmoid
from apps.training.dataset import Dataset
from apps.training.evaluation import REJECT

__all__ = ["PARITY", "Gate", "parity", "templates"]

PARITY = 1e-5  # logits between LightGBM's float64 and the artifact's float32


class Gate(NamedTuple):
    """One condition of release: whether it holds, and what was found, in one line."""

    name: str
    holds: bool
    found: str


def templates(dataset: Dataset, logits: NDArray[np.float64]) -> Gate:
    """No legitimate HTML template may reach the reject threshold when held out of training."""
    own = np.asarray(dataset.origins == "templates")
    if not own.any():
        return Gate("templates", holds=True, found="no templates in the data: not measured")
    over = int((sigmoid(logits[own]) >= REJECT).sum())
    return Gate(
        "templates", over == 0, f"{over} of {own.sum()} held-out templates at {REJECT} or above"
    )


def parity(trainer: NDArray[np.float64], artifact: NDArray[np.float64]) -> Gate:
    """The artifact must say what the trainer's model says, within 1e-5 of a logit."""
    apart = float(np.abs(trainer - artifact).max(initial=0.0))
    return Gate(
        "parity", apart <= PARITY, f"at most {apart:.1e} logits apart, {PARITY:.0e} allowed"
    )
