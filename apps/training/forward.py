"""How a model does on mail that came after all it was trained on."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from apps.training.calibration import sigmoid
from apps.training.dataset import Dataset
from apps.training.evaluation import Figures, ranking, shares
from apps.training.splits import later
from apps.training.trees import Parameters, fit, margins
from models.manifest import Calibration

__all__ = ["judge_later"]

_SHARE = 0.2  # of the mail, the newest


def judge_later(
    dataset: Dataset,
    columns: NDArray[np.intp],
    parameters: Parameters,
    calibration: Calibration,
    say: Callable[[str], None],
    *,
    beside: Dataset | None = None,
) -> tuple[Figures, NDArray[np.float64]]:
    """Return figures of the newest fifth by a model of the rest, and its ham's log-odds.

    No campaign has mail on both sides (apps.training.splits.later). `calibration` is that of the
    cross-validation. Both are empty where too little of either kind lies on either side, or no
    mail has a date. `beside` is mail that the model is trained on, too.
    """
    if not len(dataset.times):
        return {}, np.empty(0)
    new = later(dataset.clusters, dataset.times, _SHARE)
    for side in (new, ~new):
        if len(np.unique(dataset.spam[side])) < 2:
            return {}, np.empty(0)
    say("the newest fifth, by a model of what came before")
    booster = fit(dataset.where(~new).joined(beside), columns, parameters)
    raw = margins(booster, dataset.vectors[new][:, columns])
    logits = calibration.slope * raw + calibration.intercept
    spam = dataset.spam[new]
    ham = logits[~spam]
    found = ranking(logits, spam)
    found |= {f"ham_{name}": value for name, value in shares(sigmoid(ham)).items()}
    found |= {f"spam_{name}": value for name, value in shares(sigmoid(logits[spam])).items()}
    return {"later": found}, ham
