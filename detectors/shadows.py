"""Models that score all mail and act on nothing: what the verdict would rest on if they were live.

A shadow takes the place of the live classifier, or of the live online models, in a second sum of
the same findings. Its logit is the whole message's, so that it can be held against the thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.faults import located
from detectors.predicting import ask
from detectors.signals import Finding
from detectors.stack import Stack
from detectors.verdict import ShadowModel
from models.classifier import Classifier, Prediction
from models.ensemble import VOTERS, Ensemble
from models.sample import Sample
from models.voting import Voter, offline_voter

__all__ = ["Shadow", "Shadows"]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A classifier, or online models with their fusion, under the names that verdicts show."""

    name: str
    version: str
    model: Classifier | Ensemble

    @classmethod
    def of(cls, model: Classifier | Ensemble) -> "Shadow":
        """Return a model as a shadow."""
        if isinstance(model, Ensemble):
            return cls("online", model.version("online"), model)
        return cls(model.name, model.version, model)

    @property
    def needs_tokens(self) -> bool:
        """Whether it reads a message's tokens."""
        return isinstance(self.model, Ensemble) and self.model.needs_tokens

    def voters(self) -> tuple[Voter, ...]:
        """Return it as the judge asks it."""
        if isinstance(self.model, Ensemble):
            return self.model.voters()
        return (offline_voter(self.model),)


class Shadows:
    """All shadows of a judge. Nothing that one of them does can change a verdict's action."""

    def __init__(self, shadows: Sequence[Shadow]) -> None:
        self.all = tuple(shadows)
        self._stacks: dict[tuple[int, int], Stack] = {}

    @property
    def needs_tokens(self) -> bool:
        """Whether one of them reads tokens."""
        return any(shadow.needs_tokens for shadow in self.all)

    def predict(self, samples: Sequence[Sample]) -> list[list[tuple[Prediction, ...]]]:
        """Return what each shadow says of each sample, by sample; () where it says nothing."""
        by_shadow = [self._votes(shadow, samples) for shadow in self.all]
        return [list(votes) for votes in zip(*by_shadow, strict=True)]

    def score(
        self,
        votes: Sequence[tuple[Prediction, ...]],
        live: Sequence[Prediction],
        findings: Sequence[Finding],
        stack: Stack,
    ) -> tuple[tuple[ShadowModel, ...], tuple[str, ...]]:
        """Return each shadow's logit of one message, and the faults of those that failed.

        `votes` are those of `predict`; `live` is what the models in force say; `stack` is that of
        the message's tenant.
        """
        scored, faults = [], []
        for shadow, vote in zip(self.all, votes, strict=True):
            if not vote:
                continue
            try:
                weighed = self._stack(shadow, stack).weigh(findings, _instead(shadow, vote, live))
            except BaseException as error:  # noqa: BLE001  # looked at in the next line
                faults.append(f"shadow:{shadow.name} {located(error)}")
                continue
            scored.append(ShadowModel(shadow.name, shadow.version, weighed.logit))
        return tuple(scored), tuple(faults)

    def _votes(self, shadow: Shadow, samples: Sequence[Sample]) -> list[tuple[Prediction, ...]]:
        found: list[tuple[Prediction, ...]] = [()] * len(samples)
        for voter in shadow.voters():
            for at, vote in enumerate(ask(voter, samples)):
                found[at] += vote.predictions
        return found

    def _stack(self, shadow: Shadow, stack: Stack) -> Stack:
        if not isinstance(shadow.model, Ensemble):
            return stack
        key = (id(shadow), id(stack))
        if key not in self._stacks:
            self._stacks[key] = stack.fused(shadow.model.fusion)
        return self._stacks[key]


def _instead(
    shadow: Shadow, vote: Sequence[Prediction], live: Sequence[Prediction]
) -> list[Prediction]:
    """Return the live predictions with a shadow's in the place of those that it would replace."""
    online = isinstance(shadow.model, Ensemble)
    return [*vote, *(each for each in live if (each.model in VOTERS) is not online)]
