"""Online logistic stack over named numbers: how far each model and each signal is to be believed.

Weights are fitted together, label by label, so that what two inputs both know isn't counted twice.
They start from priors and never change sign. Two things keep a young stack from doing harm: its
`share` of the verdict grows with the labels it has seen, and targets stay a little off 0 and 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

import numpy as np

from models.manifest import ArtifactError
from models.state import State, number, table

__all__ = ["Fusion", "Term"]

_SLOPES: Final = (0.2, 5.0)
_SCALARS: Final = (
    *("bias", "bias_squares", "slope", "slope_squares", "intercept", "intercept_squares"),
    *("honest_labels", "abuse_labels"),
)


@dataclass(frozen=True, slots=True)
class Term:
    """An input's first weight, and the bounds its weight stays in."""

    weight: float
    least: float = 0.0
    most: float = float("inf")


class Fusion:
    """Logistic regression by AdaGrad (Duchi et al., 2011), then running Platt scaling (1999).

    logit = slope * (bias + sum of weight * input) + intercept, natural log. Slope and intercept
    are learned from the plain labels, so that the smoothed targets of the weights don't show in
    the score. `patience` is the number of labels of the rarer class with which the stack has half
    of its say; with 0 it has all of it from the start.
    """

    def __init__(
        self,
        terms: Mapping[str, Term],
        bias: float = 0.0,
        *,
        rate: float = 0.02,
        start: float = 0.1,
        smoothing: float = 0.0075,
        patience: float = 10.0,
    ) -> None:
        self._terms = dict(sorted(terms.items()))  # one order, so that sums are equal everywhere
        self._rate, self._start = rate, start
        self._smoothing, self._patience = smoothing, patience
        self._weights = {name: term.weight for name, term in self._terms.items()}
        self._squares = dict.fromkeys(self._terms, start)
        self._bias, self._bias_squares = bias, start
        self._slope, self._slope_squares = 1.0, start
        self._intercept, self._intercept_squares = 0.0, start
        self._labels = [0.0, 0.0]

    @property
    def share(self) -> float:
        """The stack's say in [0, 1]: m / (m + patience), m the labels of the rarer class.

        Labels of one class alone teach a model that everything is of that class.
        """
        fewer = min(self._labels)
        return fewer / (fewer + self._patience) if self._patience else 1.0

    @property
    def bias(self) -> float:
        """The calibrated logit of a message about which nothing speaks."""
        return self._slope * self._bias + self._intercept

    def weight(self, name: str) -> float:
        """Return an input's calibrated weight, 0 for an unknown one."""
        return self._slope * self._weights.get(name, 0.0)

    def logit(self, inputs: Mapping[str, float]) -> float:
        """Return the calibrated logit of a message; inputs without a term don't count."""
        return self._slope * self._raw(inputs) + self._intercept

    def learn(self, inputs: Mapping[str, float], *, abuse: bool, weight: float = 1.0) -> None:
        """Learn one message's truth from the inputs of its verdict; `weight` scales the step.

        A negative weight takes a label back: its count exactly, its step by one of the same kind.
        """
        raw = self._raw(inputs)
        target = 1.0 - self._smoothing if abuse else self._smoothing
        error = target - _sigmoid(raw)
        for name in sorted(inputs):  # only a term that has an input moves
            value, term = inputs[name], self._terms.get(name)
            if value and term is not None:
                step, self._squares[name] = self._step(error * value, self._squares[name], weight)
                self._weights[name] = min(max(self._weights[name] + step, term.least), term.most)
        step, self._bias_squares = self._step(error, self._bias_squares, weight)
        self._bias += step
        self._calibrate(raw, weight, abuse=abuse)
        self._labels[abuse] = max(self._labels[abuse] + weight, 0.0)

    def state(self) -> dict[str, State]:
        """Return all that was learned; arrays are in the order of `names`, one a line."""
        honest, abuse = self._labels
        return {
            "names": "\n".join(self._terms),
            "weights": np.array(list(self._weights.values()), np.float64),
            "squares": np.array(list(self._squares.values()), np.float64),
            "bias": self._bias,
            "bias_squares": self._bias_squares,
            "slope": self._slope,
            "slope_squares": self._slope_squares,
            "intercept": self._intercept,
            "intercept_squares": self._intercept_squares,
            "abuse_labels": abuse,
            "honest_labels": honest,
        }

    def restore(self, state: Mapping[str, State]) -> None:
        """Take over what was learned; raises ArtifactError where it is no state of a stack.

        A term that the state doesn't know keeps its prior: signals come and go with versions.
        """
        names = state.get("names")
        if not isinstance(names, str):
            raise ArtifactError("snapshot: names: lines of text wanted")
        known: Sequence[str] = names.split("\n") if names else ()
        weights = table(state, "weights", len(known)).tolist()
        squares = table(state, "squares", len(known)).tolist()
        scalars = {name: number(state, name) for name in _SCALARS}
        for name, weight, gathered in zip(known, weights, squares, strict=True):
            if name in self._terms:
                term = self._terms[name]
                self._weights[name] = min(max(weight, term.least), term.most)
                self._squares[name] = max(gathered, self._start)
        self._bias, self._intercept = scalars["bias"], scalars["intercept"]
        self._slope = min(max(scalars["slope"], _SLOPES[0]), _SLOPES[1])
        self._bias_squares = max(scalars["bias_squares"], self._start)
        self._slope_squares = max(scalars["slope_squares"], self._start)
        self._intercept_squares = max(scalars["intercept_squares"], self._start)
        self._labels = [max(scalars[name], 0.0) for name in ("honest_labels", "abuse_labels")]

    def _raw(self, inputs: Mapping[str, float]) -> float:
        total = self._bias
        for name in sorted(inputs):  # the order of the terms, so that sums are equal everywhere
            weight = self._weights.get(name)
            if weight is not None:
                total += weight * inputs[name]
        return total

    def _step(self, gradient: float, squares: float, weight: float) -> tuple[float, float]:
        squares += abs(weight) * gradient * gradient
        return self._rate * weight * gradient / sqrt(squares), squares

    def _calibrate(self, raw: float, weight: float, *, abuse: bool) -> None:
        error = float(abuse) - _sigmoid(self._slope * raw + self._intercept)
        step, self._slope_squares = self._step(error * raw, self._slope_squares, weight)
        self._slope = min(max(self._slope + step, _SLOPES[0]), _SLOPES[1])
        step, self._intercept_squares = self._step(error, self._intercept_squares, weight)
        self._intercept += step


def _sigmoid(logit: float) -> float:
    """Return the logistic function, without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + exp(-logit))
    grown = exp(max(logit, -700.0))
    return grown / (1.0 + grown)
