"""How senders behave, learned online: a River pipeline over sender and message numbers.

Each number is squashed by a signed logarithm, scaled by its running mean and variance, held to a
few deviations, and weighed by a logistic regression. A missing number counts as the mean.
"""

from collections.abc import Mapping, Sequence
from math import copysign, isnan, log1p
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from river.compose import FuncTransformer, Pipeline
from river.linear_model import LogisticRegression
from river.optim import AdaGrad
from river.preprocessing import StandardScaler

from features.columns.sender_columns import COLUMNS
from features.vector import SCHEMA
from models.manifest import ArtifactError
from models.sample import Sample
from models.state import State, number, table

__all__ = ["INPUTS", "Behaviour"]

_LABELS: Final = (".spam", ".ham")  # models/counts.py reads these, exactly and at once
_MESSAGE: Final = (
    *("header.hops", "header.fields", "header.date_skew", "header.references"),
    *("header.list_id", "header.list_unsubscribe", "header.bulk", "header.return_path_differs"),
    *("from.freemail", "reply_to.differs", "to.recipients", "subject.reply"),
    *("authentication.spf_pass", "authentication.dkim_pass", "authentication.dmarc_pass"),
    *("message.bytes", "content.html", "content.chars"),
    *("links.count", "links.foreign", "attachments.count"),
)

INPUTS: Final = (
    *(column.name for column in COLUMNS if not column.name.endswith(_LABELS)),
    *_MESSAGE,
)
"""The features that the model reads, by name."""

_MOST: Final = 1e15  # so that no single message sends a mean to infinity
_DEVIATIONS: Final = 4.0  # a flag that is rare would else speak for a hundred
_NUMBER: Final = {name: at for at, name in enumerate(SCHEMA.names)}
_PLACES: Final = np.array([_NUMBER[name] for name in INPUTS], dtype=np.intp)


class Behaviour:
    """A River pipeline with a batch prediction of its own, equal to River's within 1e-9.

    `rate` is AdaGrad's step (Duchi, Hazan and Singer, 2011). It starts from nothing and says 0.
    """

    def __init__(self, rate: float = 0.02) -> None:
        self._scaler = StandardScaler()
        self._optimizer = AdaGrad(rate)
        self._regression = LogisticRegression(optimizer=self._optimizer)
        self.pipeline = Pipeline(
            ("squash", FuncTransformer(_squash_all)),
            ("scale", self._scaler),
            ("hold", FuncTransformer(_hold_all)),
            ("weigh", self._regression),
        )
        self._read: tuple[NDArray[np.float64], ...] | None = None

    def predict(self, batch: Sequence[Sample]) -> NDArray[np.float64]:
        """Return logits of abuse, shape (n,); each depends on its sample alone, to the bit."""
        if not batch:
            return np.empty(0)
        rows = np.stack([sample.vector for sample in batch])[:, _PLACES].astype(np.float64)
        sizes = np.minimum(np.abs(rows), _MOST)
        # Python's own logarithm: a vector's last bit may depend on the place in the vector.
        logs = np.array([log1p(size) for size in sizes.ravel().tolist()]).reshape(rows.shape)
        squashed = np.copysign(logs, rows)
        means, scales, weights, intercept = self._parameters()
        scaled = (squashed - means) * scales
        scaled[np.isnan(scaled)] = 0.0
        np.clip(scaled, -_DEVIATIONS, _DEVIATIONS, out=scaled)
        return np.asarray((scaled * weights).sum(axis=1) + intercept, dtype=np.float64)

    def learn(self, sample: Sample, *, abuse: bool, weight: float = 1.0) -> None:
        """Learn one message's truth by River's own `learn_one`; a weight scales the step."""
        self.pipeline.learn_one(numbers(sample), abuse, w=weight)
        self._read = None

    def state(self) -> dict[str, State]:
        """Return all that was learned; arrays are in the order of `names`, one a line."""
        scaler, regression = self._scaler, self._regression
        return {
            "names": "\n".join(INPUTS),
            "rate": float(self._optimizer.learning_rate),
            "counts": _array(scaler.counts),
            "means": _array(scaler.means),
            "variances": _array(scaler.vars),
            "weights": _array(regression.weights),
            "squares": _array(self._optimizer.g2),
            "steps": self._optimizer.n_iterations,
            "intercept": float(regression.intercept),
        }

    def restore(self, state: Mapping[str, State]) -> None:
        """Become the model whose state this is; raises ArtifactError where it is none."""
        if state.get("names") != "\n".join(INPUTS):
            raise ArtifactError("snapshot: names: the behaviour model reads other inputs now")
        arrays = {
            name: table(state, name, len(INPUTS)).tolist()
            for name in ("counts", "means", "variances", "weights", "squares")
        }
        steps, intercept = number(state, "steps"), number(state, "intercept")
        self.__init__(number(state, "rate"))  # type: ignore[misc]  # as new, then filled
        counts, means, variances, weights, squares = arrays.values()
        for at, name in enumerate(INPUTS):
            if counts[at]:
                self._scaler.counts[name] = int(counts[at])
                self._scaler.means[name] = means[at]
                self._scaler.vars[name] = variances[at]
                self._regression._weights[name] = weights[at]  # noqa: SLF001  # `weights` is a copy
                self._optimizer.g2[name] = squares[at]
        self._optimizer.n_iterations = int(steps)
        self._regression.intercept = intercept

    def _parameters(self) -> tuple[NDArray[np.float64], ...]:
        """Return means, inverse deviations (0 for none), weights and intercept, until learning."""
        if self._read is None:
            deviations = np.sqrt(_array(self._scaler.vars))
            scales = np.divide(
                1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0.0
            )
            self._read = (
                _array(self._scaler.means),
                scales,
                _array(self._regression.weights),
                np.array(self._regression.intercept, np.float64),
            )
        return self._read


def numbers(sample: Sample) -> dict[str, float]:
    """Return a sample's inputs as River reads them: by name, without those that are missing."""
    values = sample.vector[_PLACES].tolist()
    return {name: value for name, value in zip(INPUTS, values, strict=True) if not isnan(value)}


def _array(found: Mapping[Any, float]) -> NDArray[np.float64]:
    return np.array([found.get(name, 0.0) for name in INPUTS], np.float64)


def _squash(value: float) -> float:
    return copysign(log1p(min(abs(value), _MOST)), value)


def _squash_all(values: dict[str, float]) -> dict[str, float]:
    return {name: _squash(value) for name, value in values.items()}


def _hold_all(values: dict[str, float]) -> dict[str, float]:
    return {name: min(max(value, -_DEVIATIONS), _DEVIATIONS) for name, value in values.items()}
