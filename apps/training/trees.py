"""Gradient-boosted trees by LightGBM: the same model for the same data and seed."""

from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray

from apps.training.dataset import Dataset
from apps.training.inputs import SUSPICIOUS
from features.vector import SCHEMA

__all__ = ["Parameters", "fit", "gains", "margins", "weigh"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the trees are grown with; `temper` is explained at `weigh`.

    With `rising` no tree may take what apps/training/inputs.py calls suspicious for a sign of
    legitimate mail: more of it never lowers the margin.
    """

    trees: int = 300
    leaves: int = 15
    learning_rate: float = 0.05
    min_messages: int = 10
    feature_share: float = 0.5
    ridge: float = 5.0
    temper: float = 0.5
    rising: bool = False
    seed: int = 20_261_121


def weigh(dataset: Dataset, temper: float) -> NDArray[np.float64]:
    """Return a weight for each message, mean 1, both classes of equal total.

    Within a class, a corpus of n messages weighs n ** temper: at 1 each message counts the same
    and a large old corpus drowns a small new one, at 0 each corpus counts the same.
    """
    origins = dataset.origins
    weights = np.ones(len(dataset))
    for label in (False, True):
        for name in np.unique(origins[dataset.spam == label]):
            cell = (origins == name) & (dataset.spam == label)
            weights[cell] = cell.sum() ** (temper - 1)
        weights[dataset.spam == label] /= weights[dataset.spam == label].sum() or 1.0
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def fit(dataset: Dataset, columns: NDArray[np.intp], parameters: Parameters) -> lightgbm.Booster:
    """Grow trees on some columns of the vectors; one thread and fixed seeds, so reproducible."""
    settings = {
        "objective": "binary",
        "num_leaves": parameters.leaves,
        "learning_rate": parameters.learning_rate,
        "min_data_in_leaf": parameters.min_messages,
        "feature_fraction": parameters.feature_share,
        "lambda_l2": parameters.ridge,
        "seed": parameters.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    if parameters.rising:
        settings["monotone_constraints"] = [
            int(SCHEMA.names[column] in SUSPICIOUS) for column in columns
        ]
        settings["monotone_constraints_method"] = "intermediate"
    data = lightgbm.Dataset(
        dataset.vectors[:, columns],
        label=dataset.spam.astype(np.float32),
        weight=weigh(dataset, parameters.temper),
        params={"verbosity": -1},
    )
    return lightgbm.train(settings, data, num_boost_round=parameters.trees)


def margins(booster: lightgbm.Booster, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return LightGBM's own raw margins, shape (n,), of vectors that hold its columns only."""
    if not len(vectors):
        return np.empty(0)
    return np.asarray(booster.predict(vectors, raw_score=True, num_threads=1), dtype=np.float64)


def gains(booster: lightgbm.Booster) -> list[float]:
    """Return each column's share of the trees' total gain, in [0, 1]."""
    gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    return [float(share) for share in gain / (gain.sum() or 1.0)]
