"""Two models on the same labelled verdicts: who holds back what, and is the difference luck?"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.evaluation.comparison import paired
from apps.evaluation.figures import Scores, ranking
from apps.models.labelled_traffic import Labelled
from detectors.actions import ACTIONS, MICRO, Action, probability
from detectors.verdict import Verdict

__all__ = ["LIVE", "Comparison", "Disagreement", "Side", "compare", "logit_of"]

LIVE: Final = "live"
"""The name of what acted: a verdict's own logit, whichever models it rested on."""

_BAD: Final = frozenset({"quarantine", "defer", "reject", "discard"})
_Z: Final = 1.959964  # two-sided 95 % of the normal distribution


class Disagreement(NamedTuple):
    """A message that one of two models holds back and the other doesn't."""

    id: str
    truth: str
    scores: tuple[float, float]
    actions: tuple[Action, Action]


class Side(NamedTuple):
    """How many legitimate and abusive messages a model would hold back, quarantined or worse."""

    ham_held: int
    spam_held: int


class Comparison(NamedTuple):
    """Two models on the messages that both have scored.

    `ranking` has each one's figures, `differences` those of first - second with their 95 %
    intervals. `without` counts labelled messages that one of them hasn't scored. `lacking` says
    which kind of mail is missing for the figures of ranking; '' if none.
    """

    ham: int
    spam: int
    sides: tuple[Side, Side]
    ranking: tuple[dict[str, Any], dict[str, Any]]
    differences: dict[str, dict[str, float]]
    disagreements: tuple[Disagreement, ...]
    without: int
    lacking: str


def logit_of(verdict: Verdict, model: str) -> int | None:
    """Return a verdict's logit under a model, in millionths; None where that hasn't scored it.

    `model` is LIVE, or the version of a shadow as verdicts have it; of online models, which learn
    on, it is the snapshot that they began with.
    """
    if model == LIVE:
        return verdict.logit
    for shadow in verdict.shadow_models or ():
        if model in {f"{shadow.name}@{shadow.version}", shadow.version} or (
            shadow.name == "online" and shadow.version.partition("+")[0] == model.partition("+")[0]
        ):
            return shadow.logit
    return None


def compare(labelled: Sequence[Labelled], first: str, second: str) -> Comparison:
    """Compare two models on labelled verdicts, which name them as `logit_of` does."""
    both = [
        (one, a, b)
        for one in labelled
        if (a := logit_of(one.verdict, first)) is not None
        and (b := logit_of(one.verdict, second)) is not None
    ]
    abuse = np.array([one.abuse for one, _, _ in both], dtype=np.bool_)
    scores = tuple(
        Scores(np.array([row[at] for row in both], dtype=np.float64) / MICRO, abuse)
        for at in (1, 2)
    )
    actions = [(_action(one.verdict, a), _action(one.verdict, b)) for one, a, b in both]
    held = np.array([[act in _BAD for act in pair] for pair in actions], dtype=np.bool_)
    held = held.reshape(len(both), 2)
    disagreements = [
        Disagreement(one.verdict.id, one.truth, (probability(a), probability(b)), acts)
        for (one, a, b), acts, row in zip(both, actions, held, strict=True)
        if row[0] != row[1]
    ]
    spam, ham = int(abuse.sum()), int((~abuse).sum())
    differences = {
        "ham_held_pct": _difference(held[~abuse]),
        "spam_held_pct": _difference(held[abuse]),
    }
    lacking = "" if spam and ham else "legitimate" if spam else "abusive"
    if not lacking:
        differences |= paired(scores[0], scores[1])
    return Comparison(
        ham,
        spam,
        (_side(held[:, 0], abuse), _side(held[:, 1], abuse)),
        (ranking(scores[0]), ranking(scores[1])),
        differences,
        tuple(sorted(disagreements, key=lambda it: -abs(it.scores[0] - it.scores[1]))),
        len(labelled) - len(both),
        lacking,
    )


def _side(held: NDArray[np.bool_], abuse: NDArray[np.bool_]) -> Side:
    return Side(int(held[~abuse].sum()), int(held[abuse].sum()))


def _action(verdict: Verdict, logit: int) -> Action:
    """Return what the verdict's thresholds make of a logit; lists and rules have no say here."""
    score = probability(logit)
    reached = [act for act in ACTIONS if score >= verdict.thresholds.get(act, math.inf)]
    return reached[-1] if reached else "accept"


def _difference(held: NDArray[np.bool_]) -> dict[str, float]:
    """Return first - second in percent with its 95 % interval (Agresti and Min 2005, paired)."""
    only_first = int((held[:, 0] & ~held[:, 1]).sum())
    only_second = int((held[:, 1] & ~held[:, 0]).sum())
    if not len(held):
        return {"difference": math.nan, "low": math.nan, "high": math.nan}
    total, one, other = len(held) + 2, only_first + 0.5, only_second + 0.5
    centre = (one - other) / total
    half = _Z * math.sqrt(one + other - (one - other) ** 2 / total) / total
    return {
        "difference": 100 * (only_first - only_second) / len(held),
        "low": 100 * (centre - half),
        "high": 100 * (centre + half),
    }
