"""A model asked about a batch: where it fails, it costs its own vote, on that message only."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from detectors.faults import located
from models.classifier import Prediction
from models.sample import Sample
from models.voting import Voter

__all__ = ["Vote", "ask"]


@dataclass(frozen=True, slots=True)
class Vote:
    """What a model says of one message.

    `missing` names, as "model:NAME", what it didn't say; `faults` say where it failed.
    """

    predictions: tuple[Prediction, ...]
    missing: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def ask(voter: Voter, samples: Sequence[Sample]) -> list[Vote]:
    """Return one vote a sample, in order; a batch that fails is asked about one by one."""
    try:
        logits = _checked(voter, samples)
    except BaseException as error:  # noqa: BLE001  # looked at in the next line
        fault = f"model:{voter.names[0]} {located(error)}"
        if len(samples) == 1:
            return [Vote((), tuple(f"model:{name}" for name in voter.names), (fault,))]
        return [vote for sample in samples for vote in ask(voter, [sample])]
    return [_vote(voter, row) for row in logits.tolist()]


def _checked(voter: Voter, samples: Sequence[Sample]) -> NDArray[np.float64]:
    logits = voter.logits(samples)
    wanted = (len(samples), len(voter.names))
    if logits.shape != wanted:
        raise ValueError(f"logits of shape {logits.shape} given, {wanted} wanted")
    return logits


def _vote(voter: Voter, row: Sequence[float]) -> Vote:
    said, missing = [], []
    for name, version, logit in zip(voter.names, voter.versions, row, strict=True):
        if isfinite(logit):
            said.append(Prediction(name, version, logit))
        else:
            missing.append(f"model:{name}")
    return Vote(tuple(said), tuple(missing))
