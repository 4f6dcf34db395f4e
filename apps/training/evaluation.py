"""Cross-validated figures: what the model says about mail that it wasn't trained on."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.training.calibration import fit_calibration, sigmoid
from apps.training.dataset import Dataset
from apps.training.left_out import without_sources
from apps.training.metrics import Bin, brier, log_loss, recall_at, reliability, roc
from apps.training.splits import assign_folds
from apps.training.trees import Parameters, fit, margins, weigh
from models.manifest import Calibration

__all__ = [
    "REJECT",
    "TAG",
    "Figures",
    "Validation",
    "figures",
    "leave_sources_out",
    "ranking",
    "reliability_of",
    "shares",
    "validate",
]

TAG = 0.5  # the shipped policy's probabilities for tagging and for rejecting
REJECT = 0.99
_RATES = {"recall_at_fp_0.1pct": 0.001, "recall_at_fp_1pct": 0.01}
_TEMPLATES = "templates"

Say = Callable[[str], None]
Figures = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Validation:
    """Calibrated log-odds of each message by a model that never saw it or its near-duplicates.

    `unseen` holds those of the evaluation-only messages, shape (folds, n): every fold's model may
    judge them.
    """

    logits: NDArray[np.float64]
    unseen: NDArray[np.float64]
    calibration: Calibration
    folds: NDArray[np.intp]


def validate(
    dataset: Dataset,
    unseen: Dataset,
    columns: NDArray[np.intp],
    parameters: Parameters,
    folds: int,
    say: Say,
    *,
    beside: Dataset | None = None,
) -> Validation:
    """Train once for each fold on the others, and calibrate on what the folds' models say.

    `beside` is mail that every fold's model is trained on and none is judged by.
    Raises ValueError where a class is missing or has fewer clusters than there are folds.
    """
    for label, name in ((False, "ham"), (True, "spam")):
        clusters = len(np.unique(dataset.clusters[dataset.spam == label]))
        if clusters < folds:
            raise ValueError(f"{clusters} distinct {name} messages given, at least {folds} wanted")
    strata = [
        f"{source}:{spam}" for source, spam in zip(dataset.sources, dataset.spam, strict=True)
    ]
    parts = assign_folds(dataset.clusters, strata, folds, parameters.seed)
    raw = np.empty(len(dataset))
    others = np.empty((folds, len(unseen)))
    for fold in range(folds):
        say(f"fold {fold + 1} of {folds}")
        booster = fit(dataset.where(parts != fold).joined(beside), columns, parameters)
        raw[parts == fold] = margins(booster, dataset.vectors[parts == fold][:, columns])
        others[fold] = margins(booster, unseen.vectors[:, columns])
    weights = weigh(dataset, parameters.temper)
    calibration = fit_calibration(raw, dataset.spam, weights)
    return Validation(
        calibration.slope * raw + calibration.intercept,
        calibration.slope * others + calibration.intercept,
        calibration,
        parts,
    )


def leave_sources_out(
    dataset: Dataset,
    columns: NDArray[np.intp],
    parameters: Parameters,
    calibration: Calibration,
    say: Say,
    *,
    beside: Dataset | None = None,
) -> Figures:
    """Return false-positive rates of ham whose whole source was left out of training.

    Sources and `beside` as in `without_sources`.
    """
    found: Figures = {}
    for unit, own, logits in without_sources(
        dataset, columns, parameters, calibration, say, beside=beside
    ):
        found[f"without:{unit}"] = {"ham": float(own.sum()), **shares(sigmoid(logits))}
    return found


def figures(dataset: Dataset, unseen: Dataset, validation: Validation) -> Figures:
    """Return the figures by sub-corpus, rates as ratios, None where a class is missing.

    `all` and `corpus:NAME` hold ranking and calibration, `source:NAME` the shares of one source
    at fixed probabilities and at the thresholds where 0.1 and 1 % of all ham, or of today's ham
    (templates and modern), lies above. Evaluation-only sources are averaged over the folds.
    """
    found: Figures = {"all": ranking(validation.logits, dataset.spam)}
    origins = dataset.origins
    for name in np.unique(origins).tolist():
        own = origins == name
        if dataset.spam[own].any() and not dataset.spam[own].all():
            found[f"corpus:{name}"] = ranking(validation.logits[own], dataset.spam[own])
    today = np.isin(origins, ["modern", _TEMPLATES]) & ~dataset.spam
    hams = {"": validation.logits[~dataset.spam], "_today": validation.logits[today]}
    thresholds = {
        f"{name}{which}": recall_at(np.empty(0), ham, rate).threshold
        for which, ham in hams.items()
        if len(ham)
        for name, rate in (("above_fp_0.1pct", 0.001), ("above_fp_1pct", 0.01))
    }
    for name, logits, spam in _by_source(dataset, unseen, validation):
        entry: dict[str, float | None] = {("spam" if spam else "ham"): float(logits.shape[1])}
        entry.update(shares(sigmoid(logits)))
        entry.update({key: float(np.mean(logits >= t)) for key, t in thresholds.items()})
        if spam:
            areas = [roc(row, hams[""]).area for row in logits]
            entry["auc"] = float(np.mean(areas))
        found[f"source:{name}"] = entry
    return found


def reliability_of(dataset: Dataset, validation: Validation) -> list[Bin]:
    """Return predicted and observed rates of all training mail by its fold models."""
    return reliability(sigmoid(validation.logits), dataset.spam)


def _by_source(
    dataset: Dataset, unseen: Dataset, validation: Validation
) -> Iterator[tuple[str, NDArray[np.float64], bool]]:
    for part, logits in ((dataset, validation.logits[None, :]), (unseen, validation.unseen)):
        for name in np.unique(part.sources).tolist():
            for spam in (False, True):
                own = np.asarray((part.sources == name) & (part.spam == spam))
                if own.any():
                    label = f"{name}:{'spam' if spam else 'ham'}"
                    yield label, logits[:, own], spam


def shares(probability: NDArray[np.float64]) -> dict[str, float | None]:
    """Return the shares of probabilities at the tagging and the reject threshold or above."""
    return {
        "above_tag": float(np.mean(probability >= TAG)),
        "above_reject": float(np.mean(probability >= REJECT)),
    }


def ranking(logits: NDArray[np.float64], spam: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return counts, ROC area with its interval, recall and calibration; None where undefined."""
    area = roc(logits[spam], logits[~spam])
    entry: dict[str, float | None] = {
        "ham": float((~spam).sum()),
        "spam": float(spam.sum()),
        "auc": _finite(area.area),
        "one_minus_roca": _finite(area.complement),
        "one_minus_roca_low": _finite(area.low),
        "one_minus_roca_high": _finite(area.high),
    }
    for name, rate in _RATES.items():
        entry[name] = _finite(recall_at(logits[spam], logits[~spam], rate).recall)
    probability = sigmoid(logits)
    entry["brier"] = brier(probability, spam)
    entry["log_loss"] = log_loss(probability, spam)
    return entry


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
