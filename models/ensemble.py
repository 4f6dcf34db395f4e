"""All that learns online, as one: text, counts, behaviour, and the fusion that weighs them."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.classifier import Prediction
from models.digest import state_digest
from models.fusion import Fusion, Term
from models.lessons import Material, read_lesson
from models.manifest import ArtifactError
from models.sample import Sample
from models.state import State
from models.step import Step
from models.voting import Logits, Voter

if TYPE_CHECKING:
    from models.behaviour import Behaviour
    from models.counts import Counts
    from models.text import Halves, TextModel

__all__ = ["VOTERS", "Ensemble", "Lesson"]

VOTERS: Final = ("text", "bayes", "counts", "behaviour")
"""Names of the online predictions; text and bayes are the halves of one model."""


_HALVES: Final[Mapping[tuple[bool, bool], "Halves"]] = {
    (True, True): "both",
    (True, False): "gradient",
    (False, True): "bayes",
}


class Lesson(Protocol):
    """What learning needs of a judged message: what the models read, and what the stack saw."""

    @property
    def sample(self) -> Sample | None:
        """What the models read; None where the message was never judged by models."""

    @property
    def terms_seen(self) -> Mapping[str, float]:
        """By signal, the damped strength that its weight was multiplied by."""


class Ensemble:
    """The online models with their fusion; one sequence counts the steps of all.

    `digest` is that of the snapshot they come from, "new" if none. A step changes all parts in a
    fixed order, from what they said when the message was judged, so that equal steps make equal
    models everywhere. `voters` chooses among VOTERS.
    """

    def __init__(
        self,
        fusion: Fusion,
        *,
        text: "TextModel | None" = None,
        counts: "Counts | None" = None,
        behaviour: "Behaviour | None" = None,
        names: Collection[str] = VOTERS,
        digest: str = "new",
        sequence: int = 0,
    ) -> None:
        self.fusion = fusion
        self.text, self.counts, self.behaviour = text, counts, behaviour
        self.names = tuple(name for name in VOTERS if name in names)
        self.digest = digest
        self.sequence = sequence

    @classmethod
    def fresh(cls, fusion: Fusion | None = None, names: Collection[str] = VOTERS) -> "Ensemble":
        """Return models that have learned nothing; ValueError for a name not in VOTERS.

        `fusion` has the priors of the stack that they are to vote in (detectors.stack); without
        one they are alone: they vote as equals, from the first label on.
        """
        if unknown := sorted(set(names) - set(VOTERS)):
            raise ValueError(f"model {unknown[0]!r} given, one of {', '.join(VOTERS)} wanted")
        # River's pipelines, which the behaviour model is made of, take a second or more to import,
        # its base class, which is all that the text model needs, milliseconds.
        from models.counts import Counts  # noqa: PLC0415  # no model, no import
        from models.text import TextModel  # noqa: PLC0415  # no model, no import

        behaviour = None
        if "behaviour" in names:
            from models.behaviour import Behaviour  # noqa: PLC0415  # see above

            behaviour = Behaviour()

        return cls(
            fusion or Fusion({f"learned_{name}": Term(1.0) for name in names}, patience=0.0),
            text=TextModel() if {"text", "bayes"} & set(names) else None,
            counts=Counts() if "counts" in names else None,
            behaviour=behaviour,
            names=names,
        )

    @property
    def needs_tokens(self) -> bool:
        """Whether a sample without tokens would lack a vote."""
        return self.text is not None

    def version(self, name: str) -> str:
        """Return NAME@SNAPSHOT+SEQUENCE: what a verdict calls a model by."""
        return f"{name}@{self.digest}+{self.sequence}"

    def voters(self) -> tuple[Voter, ...]:
        """Return the models as the judge asks them, under their versions of this moment."""
        found = []
        if self.text is not None:
            found.append(self._voter(("text", "bayes"), self.text.predict))
        if self.counts is not None:
            counts = self.counts
            found.append(self._voter(("counts",), lambda batch: _column(counts.predict(batch))))
        if self.behaviour is not None:
            behaviour = self.behaviour
            found.append(
                self._voter(("behaviour",), lambda batch: _column(behaviour.predict(batch)))
            )
        return tuple(found)

    def predict(self, samples: Sequence[Sample]) -> list[tuple[Prediction, ...]]:
        """Return each sample's predictions; raises what a model raises (the judge takes care)."""
        rows: list[list[Prediction]] = [[] for _ in samples]
        for voter in self.voters():
            for row, logits in zip(rows, voter.logits(samples).tolist(), strict=True):
                row.extend(map(Prediction, voter.names, voter.versions, logits))
        return [tuple(row) for row in rows]

    def learn(
        self,
        lesson: Lesson,
        *,
        abuse: bool,
        weight: float = 1.0,
        smoothing: float | None = None,
    ) -> None:
        """Take one step: learn a judged message's truth; `weight` scales it.

        `smoothing` replaces the text model's own.
        """
        sample = lesson.sample
        if sample is not None:
            if self.text is not None and sample.tokens is not None:
                self.text.learn(sample, abuse, weight, smoothing=smoothing)
            if self.behaviour is not None:
                self.behaviour.learn(sample, abuse=abuse, weight=weight)
            self.fusion.learn(lesson.terms_seen, abuse=abuse, weight=weight)
        self.sequence += 1

    def apply(self, step: Step) -> None:
        """Take a published step: its lessons in order, in each of them text, behaviour, fusion.

        Models that applied equal steps in equal order are equal to the bit. Raises ValueError for
        a step that isn't readable, before it changes anything.
        """
        for material in [read_lesson(lesson) for lesson in step.lessons]:
            self._apply(material)
        self.sequence += 1

    def clone(self) -> "Ensemble":
        """Return models of their own with the same state: what either learns, the other doesn't."""
        return copy.deepcopy(self)

    def state_digest(self) -> str:
        """Return the SHA-256 (hex) of all that was learned, to the last bit.

        It says nothing of where that came from: sequence and snapshot aren't in it.
        """
        states: dict[str, Mapping[str, State]] = {}
        for name, part in self._parts().items():
            states[name] = part.tables() if part is self.text else part.state()
        return state_digest(states)

    def state(self) -> dict[str, dict[str, State]]:
        """Return what each part learned, by its name: for a snapshot."""
        parts = self._parts()
        return {name: part.state() for name, part in parts.items()}

    def restore(
        self, states: Mapping[str, Mapping[str, State]], digest: str, sequence: int
    ) -> None:
        """Take over what a snapshot holds; raises ArtifactError where it lacks a part."""
        for name, part in self._parts().items():
            if name not in states:
                raise ArtifactError(f"snapshot: holds no {name} model")
            part.restore(dict(states[name]))
        self.digest, self.sequence = digest, sequence

    def _apply(self, material: Material) -> None:
        lesson, sample = material
        abuse, weight = lesson.abuse, lesson.weight
        halves = _HALVES.get(("gradient" in lesson.moves, "bayes" in lesson.moves))
        if halves and self.text is not None and sample.tokens is not None:
            self.text.learn(sample, abuse, weight, halves=halves, cap=lesson.cap)
        if "behaviour" in lesson.moves and self.behaviour is not None and len(sample.vector):
            self.behaviour.learn(sample, abuse=abuse, weight=weight)
        if "fusion" in lesson.moves:
            self.fusion.learn(lesson.terms, abuse=abuse, weight=weight)

    def _parts(self) -> "dict[str, TextModel | Behaviour | Fusion]":
        parts = {"text": self.text, "behaviour": self.behaviour, "fusion": self.fusion}
        return {name: part for name, part in parts.items() if part is not None}

    def _voter(self, names: tuple[str, ...], logits: Logits) -> Voter:
        """Return a voter with those of a model's columns that were asked for."""
        chosen = [at for at, name in enumerate(names) if name in self.names]
        kept = tuple(names[at] for at in chosen)
        return Voter(
            kept,
            tuple(self.version(name) for name in kept),
            logits if len(kept) == len(names) else lambda batch: logits(batch)[:, chosen],
        )


def _column(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return logits[:, np.newaxis]
