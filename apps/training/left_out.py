"""Margins of legitimate mail by models that never saw its source: what a new kind of mail gets."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from apps.training.corpora import collector
from apps.training.dataset import Dataset, origin
from apps.training.trees import Parameters, fit, margins
from models.manifest import Calibration

__all__ = ["Without", "strange_logits", "without_sources"]

_TEMPLATES = "templates"

Without = tuple[str, NDArray[np.bool_], NDArray[np.float64]]
"""What was left out, the mask of its legitimate mail, and that mail's calibrated log-odds."""


def without_sources(
    dataset: Dataset,
    columns: NDArray[np.intp],
    parameters: Parameters,
    calibration: Calibration,
    say: Callable[[str], None],
    *,
    beside: Dataset | None = None,
) -> Iterator[Without]:
    """Yield, for each source of legitimate mail, what a model says of it that never saw it.

    All sources are taken in turn but the largest, without which little would be left; templates go
    together. What the same collector holds of spam is left out with his ham: else a model learns
    the mailbox by its spam, and calls its ham spam. `beside` is mail that all models are trained
    on.
    """
    for unit, ham, out in _units(dataset):
        say(f"classifier without {unit}")
        booster = fit(dataset.where(~out).joined(beside), columns, parameters)
        raw = margins(booster, dataset.vectors[ham][:, columns])
        yield unit, ham, calibration.slope * raw + calibration.intercept


def strange_logits(
    dataset: Dataset,
    logits: NDArray[np.float64],
    columns: NDArray[np.intp],
    parameters: Parameters,
    calibration: Calibration,
    say: Callable[[str], None],
    *,
    beside: Dataset | None = None,
) -> NDArray[np.float64]:
    """Return held-out log-odds, shape (n,), with those of ham by models that never saw its source.

    `logits` are those of mail that isn't left out as a whole; the rest as in `without_sources`.
    """
    found = logits.copy()
    for _, own, strange in without_sources(
        dataset, columns, parameters, calibration, say, beside=beside
    ):
        found[own] = strange
    return found


def _units(dataset: Dataset) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield a unit's name, the mask of its ham and that of all that goes with it."""
    units = np.array([_unit(source) for source in dataset.sources.tolist()], dtype=np.str_)
    names, sizes = np.unique(units[~dataset.spam], return_counts=True)
    for name in names[sizes < sizes.max(initial=0)].tolist():
        out = np.asarray(units == name)
        yield name, out & ~dataset.spam, out


def _unit(source: str) -> str:
    return _TEMPLATES if origin(source) == _TEMPLATES else collector(source)
