"""What an online fusion begins with: the weights that signals and models come with."""

import math
from collections.abc import Mapping

from detectors.margins import signal_of
from detectors.signals import Spec
from detectors.weights import Weights
from models.fusion import Fusion, Term

__all__ = ["priors"]


def priors(weights: Weights, specs: Mapping[str, Spec], patience: float | None = None) -> Fusion:
    """Return a fusion that has learned nothing; `patience` replaces that of the weights.

    Signals keep the sign of the class that they speak for, whatever is learned.
    """
    given = weights.fusion
    scale = weights.stack.calibration.a
    terms = {
        signal_of(name): Term(scale * given.carried * learned.weight, least=given.floor)
        for name, learned in weights.learned.items()
    }
    for name, learned in weights.online.items():
        terms[signal_of(name)] = Term(learned.weight, least=given.floor)
    for name, spec in specs.items():
        group, measured = weights.groups.get(spec.group), weights.signals.get(name)
        carried = given.carried if group is None or group.carried is None else group.carried
        weight = scale * carried * measured.weight if measured else 0.0
        ham = spec.speaks_for == "ham"
        terms[name] = Term(weight, -math.inf if ham else 0.0, 0.0 if ham else math.inf)
    patience = given.patience if patience is None else patience
    return Fusion(terms, given.bias, patience=patience)
