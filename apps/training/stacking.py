"""The stack fitted given the model: what a margin weighs beside the signals, and the bias.

The signals' weights are priors made from legitimate mail (detectors/data/weights.toml) and stay
as they are among each other. Three numbers are fitted: their common scale, the model's weight
beside them, and the bias. So what both know, a failed check that the model has seen too, isn't
counted twice.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.training.calibration import sigmoid
from apps.training.dataset import Dataset
from apps.training.evaluation import Validation, validate
from apps.training.inputs import inputs
from apps.training.left_out import strange_logits
from apps.training.trees import Parameters, weigh
from detectors.apart import detect
from detectors.catalogue import DETECTORS, SPECS
from detectors.margins import CLIP, LEARNED
from detectors.stack import Stack
from detectors.verdict import MICRO
from detectors.weights import Base, Weights
from features.context import Context
from features.evidence import Evidence
from features.vector import SCHEMA

__all__ = [
    "Fit",
    "comparison",
    "fit_stack",
    "fit_validated",
    "signals_sum",
    "stacked",
    "updated",
]

Floats = NDArray[np.float64]

_PRIOR_SCALE = 1.0  # the signals' weights are log-likelihood ratios, so their scale should be 1 ...
_PRIOR_SPREAD = 0.5  # ... give or take this
_ROUNDS = 200
_SMALLEST = 0.05  # the signals' scale stays above it: they are never fitted away
_DIGITS = 3
_FOLDS = 5
_THRESHOLDS = (0.5, 0.9, 0.99)  # the shipped policy's: tag, quarantine, reject


class Fit(NamedTuple):
    """The stack's three numbers: logit = scale * (bias + signals + held(weight * margin)).

    `weight` and `bias` are raw logits, as in weights.toml; `cap` holds the model's contribution.
    """

    scale: float
    weight: float
    bias: float
    cap: float

    @classmethod
    def of(cls, weights: Weights, model: str) -> "Fit":
        """Return the numbers that some weights hold; KeyError for a model without a weight."""
        scale, shift = weights.stack.calibration.a, weights.stack.calibration.b
        learned = weights.groups.get(LEARNED)
        return cls(
            scale,
            weights.learned[model].weight,
            weights.stack.bias + shift / scale,
            learned.cap if learned else np.inf,
        )


def signals_sum(weights: Weights) -> Callable[[Evidence], float]:
    """Return a function from evidence to the sum of the signals' contributions, in raw logits."""
    bare = msgspec.structs.replace(weights, stack=Base(bias=0.0), learned={})
    stack = Stack(bare, SPECS)
    context = Context()

    def total(evidence: Evidence) -> float:
        return stack.weigh(detect(DETECTORS, evidence, context), ()).logit / MICRO

    return total


def stacked(fit: Fit, signals: Floats, margins: Floats) -> Floats:
    """Return calibrated logits, shape (n,), of the signals' sums and the model's margins."""
    learned = np.clip(fit.weight * np.clip(margins, -CLIP, CLIP), -fit.cap, fit.cap)
    return np.asarray(fit.scale * (fit.bias + signals + learned), dtype=np.float64)


def fit_stack(
    signals: Floats,
    margins: Floats,
    spam: NDArray[np.bool_],
    weights: Floats,
    *,
    cap: float,
    abuse_rate: float,
) -> Fit:
    """Fit scale, weight and bias by penalized likelihood, the model's weight at least 0.

    `margins` are held out: by models that never saw the message. The likelihood counts both
    classes the same (`weights`); the bias is then moved to a stream of which `abuse_rate`, in
    (0, 1), is abuse. Where a contribution is at its cap its slope is 0, so the fit alternates
    between Newton steps and finding what is capped. Raises ValueError without both classes.
    """
    if spam.all() or not spam.any():
        raise ValueError("the stack needs both classes, one given")
    total = np.where(spam, weights / weights[spam].sum(), weights / weights[~spam].sum())
    total = total * len(spam) / 2
    clipped = np.clip(margins, -CLIP, CLIP)
    theta = np.array([_PRIOR_SCALE, 1.0, 0.0])  # scale, scale * weight, scale * bias
    for _ in range(_ROUNDS):
        held = theta[0] * cap
        inside = np.abs(theta[1] * clipped) < held
        # beyond the cap the contribution is the scale's: +-cap times theta[0]
        design = np.stack(
            [
                signals + np.where(inside, 0.0, np.sign(clipped) * cap),
                np.where(inside, clipped, 0.0),
                np.ones_like(signals),
            ],
            axis=1,
        )
        probability = sigmoid(design @ theta)
        prior = (theta[0] - _PRIOR_SCALE) / _PRIOR_SPREAD**2
        gradient = design.T @ (total * (probability - spam)) + [prior, 0.0, 0.0]
        curvature = total * np.maximum(probability * (1 - probability), 1e-9)
        hessian = (design.T * curvature) @ design + np.diag([1 / _PRIOR_SPREAD**2, 1e-6, 1e-6])
        step = np.clip(np.linalg.solve(hessian, gradient), -0.2, 0.2)
        theta = np.maximum(theta - step, [_SMALLEST, 0.0, -np.inf])
        if np.abs(step).max() < 1e-9:
            break
    scale = float(theta[0])
    shift = float(np.log(abuse_rate / (1 - abuse_rate)))
    return Fit(
        round(scale, _DIGITS),
        round(float(theta[1]) / scale, _DIGITS),
        round((float(theta[2]) + shift) / scale, _DIGITS),
        cap,
    )


def updated(toml: str, model: str, fit: Fit) -> str:
    """Return weights.toml with the fitted numbers in place, everything else as it was.

    A table that the file hasn't got, as one of own weights may not, is added at its end. Raises
    ValueError where a table lacks one of the keys.
    """
    fitted = (
        ("stack", "bias", f"{fit.bias}"),
        ("stack", "calibration", f"{{ a = {fit.scale}, b = 0.0 }}"),
        (f"learned.{model}", "weight", f"{fit.weight}"),
    )
    absent = [table for table, _, _ in fitted if f"\n[{table}]\n" not in f"\n{toml}"]
    for table in dict.fromkeys(absent):
        keys = [f"{key} = {value}" for name, key, value in fitted if name == table]
        toml += "\n".join(["", f"[{table}]", *keys, ""])
    for table, key, value in fitted:
        pattern = rf"(?m)(^\[{re.escape(table)}\]$(?:\n[^\[\n].*|\n)*?\n{key} = ).*$"
        toml, found = re.subn(pattern, partial(_replaced, value), toml, count=1)
        if not found:
            raise ValueError(f"weights: [{table}] has no {key}; add it, then calibrate again")
    return toml


def _replaced(value: str, match: re.Match[str]) -> str:
    return match[1] + value


def fit_validated(
    dataset: Dataset,
    unseen: Dataset,
    old: Weights,
    model: str,
    abuse_rate: float,
    say: Callable[[str], None],
    beside: Dataset | None = None,
) -> tuple[Fit, Validation]:
    """Cross-validate the model and fit the stack on its held-out margins; ValueError as `validate`.

    Margins of legitimate mail are, where it has sources, of models that never saw its source: what
    the model is worth on kinds of mail that it knows is not what it is worth on the next one. The
    validation that is returned has them too. The datasets' `measured` is what `signals_sum` of the
    old weights said. `beside` is mail that the models are trained on and the stack isn't fitted to.
    """
    columns = np.array([SCHEMA.names.index(name) for name in inputs()], dtype=np.intp)
    parameters = Parameters()
    validation = validate(dataset, unseen, columns, parameters, _FOLDS, say, beside=beside)
    logits = strange_logits(
        dataset,
        validation.logits,
        columns,
        parameters,
        validation.calibration,
        say,
        beside=beside,
    )
    fit = fit_stack(
        dataset.measured,
        logits,
        dataset.spam,
        weigh(dataset, parameters.temper),
        cap=Fit.of(old, model).cap,
        abuse_rate=abuse_rate,
    )
    return fit, replace(validation, logits=logits)


def comparison(
    dataset: Dataset, unseen: Dataset, validation: Validation, before: Fit, after: Fit
) -> Iterator[str]:
    """Yield a Markdown table: percent of each source's mail at 0.5, 0.9 and 0.99, before and after.

    Evaluation-only mail is averaged over the folds' models.
    """
    for name, fit in (("before", before), ("fitted", after)):
        yield (
            f"{name}: scale {fit.scale:g}, weight {fit.weight:g}, bias {fit.bias:g}, "
            f"cap {fit.cap:g}"
        )
    heads = [f"{name} {t:g}" for name in ("before", "fitted") for t in _THRESHOLDS]
    yield "| source | label | messages | " + " | ".join(heads) + " |"
    yield "| --- " * (3 + len(heads)) + "|"
    for part, margins in ((dataset, validation.logits[None, :]), (unseen, validation.unseen)):
        for source in np.unique(part.sources).tolist():
            own = np.asarray(part.sources == source)
            cells = [
                f"{100 * np.mean(stacked(fit, part.measured[own], margins[:, own]) >= cut):.1f}"
                for fit in (before, after)
                for cut in (np.log(t / (1 - t)) for t in _THRESHOLDS)
            ]
            label = "spam" if part.spam[own].any() else "ham"
            yield f"| {source} | {label} | {own.sum():,} | " + " | ".join(cells) + " |"
