"""What a model must not do, or it isn't released."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.training.calibration import sigmoid
from apps.training.dataset import Dataset
from apps.training.evaluation import REJECT
from apps.weighing.intervals import at_most, wilson

__all__ = [
    "LEAST_HAM",
    "PARITY",
    "REJECTED_HAM",
    "Gate",
    "later_mail",
    "own_mail",
    "parity",
    "templates",
]

PARITY = 1e-5  # logits between LightGBM's float64 and the artifact's float32
REJECTED_HAM = 0.0004  # share of legitimate mail at the reject threshold
LEAST_HAM = 7_500  # messages of which none is rejected that rule out more than that: 3 / 0.0004
_ROUNDING = 1e-12  # so that 3 of 7,500 is 0.04 %, whatever the division's last bit


class Gate(NamedTuple):
    """One condition of release: whether it holds, and what was found, in one line.

    A model for which one that `acts` doesn't hold may be watched, and may not act; else it isn't
    released at all.
    """

    name: str
    holds: bool
    found: str
    acts: bool = False


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


def own_mail(logits: NDArray[np.float64]) -> Gate:
    """Of held-out legitimate mail, at most 0.04 % may reach the reject threshold, provably.

    What counts is the upper end of the share's interval: of no message in n it is 3 / n (the rule
    of three, Hanley and Lippman-Hand 1983), else Wilson's (1927). `logits`, shape (n,), are those
    of legitimate mail by models that never saw it.
    """
    total, over = len(logits), int((sigmoid(logits) >= REJECT).sum())
    upper = at_most(over, total)
    found = f"{over:,} of {total:,} at {REJECT} or above, so at most {upper:.3%}"
    if total < LEAST_HAM:
        return Gate(
            "legitimate mail",
            holds=False,
            found=f"{found}; {REJECTED_HAM:.2%} can be shown from {LEAST_HAM:,} messages on",
            acts=True,
        )
    holds = upper <= REJECTED_HAM + _ROUNDING
    return Gate("legitimate mail", holds, f"{found}; {REJECTED_HAM:.2%} allowed", acts=True)


def later_mail(logits: NDArray[np.float64]) -> Gate:
    """Legitimate mail that came after all that was trained on mustn't show more than 0.04 %.

    It is too little to prove the share; it fails where the interval's lower end lies above.
    """
    total, over = len(logits), int((sigmoid(logits) >= REJECT).sum())
    if not total:
        return Gate("later mail", holds=True, found="no mail with a date: not measured", acts=True)
    low = wilson(over, total)[0]
    found = f"{over:,} of {total:,} newer than all trained on at {REJECT} or above"
    return Gate("later mail", low <= REJECTED_HAM, f"{found}, at least {low:.3%}", acts=True)
