"""The learner's models as `mail.models` tells them: published, and those with all steps.

Records go in in the order of the log, whoever wrote them; those of a lower fence than a claim
before them don't count. A step is learned at once, published by a marker, or revoked by one.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.lessons import read_lesson
from models.manifest import ArtifactError
from models.sample import Sample
from models.snapshot import LabelPosition, Snapshot
from models.step import Lesson
from streams.learning.announced import Announced
from streams.learning.memory import Memory, own_lessons
from streams.model_records import Claim, Marker, ModelRecord, Pointer, StepRecord

__all__ = ["Lineage", "SchemaError", "logit_of", "logits_of"]

_CLIP: Final = 15.0
_UNKNOWN: Final = np.full(len(SCHEMA.names), np.nan, np.float32)
_CLONED: Final = 256


class SchemaError(ArtifactError):
    """A step is bound to another feature schema or token layout than those in force."""


def logit_of(models: Ensemble, lesson: Lesson) -> float:
    """Return the logit that models give a message now, by their say in the verdict.

    What offline models and signals say of it is as it was when it was judged.
    """
    return logits_of(models, [lesson])[0]


def logits_of(models: Ensemble, lessons: Sequence[Lesson]) -> list[float]:
    """Return what `logit_of` does, of many messages at once."""
    share = models.fusion.share
    if not share:
        return [0.0] * len(lessons)
    samples = [_whole(read_lesson(lesson).sample) for lesson in lessons]
    able = [at for at, it in enumerate(samples) if it.tokens is not None or not models.needs_tokens]
    said = dict(zip(able, models.predict([samples[at] for at in able]), strict=True))
    found = []
    for at, lesson in enumerate(lessons):
        terms = dict(lesson.terms)
        for one in said.get(at, ()):
            terms[f"learned_{one.model}"] = max(-_CLIP, min(_CLIP, one.logit))
        found.append(share * models.fusion.logit(terms))
    return found


def _whole(sample: Sample) -> Sample:
    """Return a sample with a vector: nobody knows the numbers of a message that nobody judged."""
    return sample if len(sample.vector) else Sample(_UNKNOWN, sample.tokens)


class Lineage:
    """Models from a snapshot on, with every later step that counts.

    `head` has learned all steps, `published` those up to the last marker; both are the caller's
    to read, not to change. `sequence` is the highest that was ever used, `labels` the last label
    that is handled, `fence` the highest claim, `announced` what else pointers say. `lost` says
    that steps are missing between. `load` opens the artifact of a pointer; None where it can't.
    """

    def __init__(
        self,
        models: Ensemble,
        memory: Memory,
        layout: str,
        load: Callable[[Pointer], Ensemble | None] = lambda _: None,
    ) -> None:
        self.head = models
        self.memory = memory
        self._base = models.clone()
        self._since: list[StepRecord] = []
        self._published_memory = memory.copy()
        self._layout = layout
        self._load = load
        self.sequence = models.sequence
        self.published_sequence = models.sequence
        self.labels: LabelPosition | None = None
        self.fence = 0
        self.frozen = False
        self.announced = Announced()
        self.lost = False
        self.digest = ""
        self._waiting: list[StepRecord] = []

    def go_on_from(self, snapshot: Snapshot) -> None:
        """Take over where a snapshot stands, which the models were restored from."""
        self.fence, self.labels = snapshot.fence, snapshot.labels

    @property
    def published(self) -> Ensemble:
        """The models as published; may take as long as the steps of the last marker do."""
        for step in self._since:
            self._base.apply(step.step)
            self._base.sequence = step.sequence
        self._since = []
        return self._base

    @property
    def waiting(self) -> int:
        """Steps that are learned and not yet published."""
        return len(self._waiting)

    def follow(self, record: ModelRecord) -> None:
        """Take in the next record of the log; raises SchemaError for a step that doesn't fit."""
        if record.fence < self.fence:
            return
        if isinstance(record, Claim):
            self.fence = record.fence
            return
        self.fence = record.fence
        if isinstance(record, StepRecord):
            self._step(record)
        elif isinstance(record, Marker):
            self._marker(record)
        elif isinstance(record, Pointer):
            self._pointer(record)

    def learn(self, record: StepRecord) -> None:
        """Learn a step that is next in order; raises ValueError for one that isn't readable."""
        self.head.apply(record.step)
        self.head.sequence = self.sequence = record.sequence
        self.labels = record.labels
        self._waiting.append(record)
        last = own_lessons(record.step)[-1:]
        honest = bool(last) and not last[0].abuse and last[0].weight > 0
        self.memory.take(record, logit_of(self.head, last[0]) if honest else 0.0)

    def publish(self) -> None:
        """Make all steps published ones."""
        if self._waiting:
            self._since += self._waiting
            self._published_memory = self.memory.copy()
            self._waiting = []
            lessons = sum(len(record.step.lessons) for record in self._since)
            if lessons > _CLONED:  # a copy costs as much as to learn so many again
                self._base, self._since = self.head.clone(), []
        self.published_sequence = self.sequence

    def waiting_ranges(self) -> tuple[tuple[int, int], ...]:
        """Return the steps that wait, as a marker names what it revokes."""
        if not self._waiting:
            return ()
        return ((self._waiting[0].sequence, self._waiting[-1].sequence),)

    def revoke(self) -> None:
        """Let go of all steps that wait."""
        self._restart([])

    def replace(self, models: Ensemble, sequence: int) -> None:
        """Go on with other models, under a sequence that was never used; what waited is gone."""
        models.sequence = sequence
        self.head, self._base, self._since = models, models.clone(), []
        self._published_memory = self.memory.copy()
        self._waiting = []
        self.sequence = self.published_sequence = sequence
        self.lost = False

    def published_state(self) -> tuple[Ensemble, Memory]:
        """Return what a snapshot holds."""
        return self.published, self._published_memory

    def _step(self, record: StepRecord) -> None:
        if record.sequence <= self.sequence:
            return  # a repetition, or in the snapshot
        if record.schema != SCHEMA.digest or record.layout != self._layout:
            raise SchemaError(
                f"step {record.sequence}: schema {record.schema[:12]!r} and token layout "
                f"{record.layout!r} given, {SCHEMA.digest[:12]!r} and {self._layout!r} wanted"
            )
        if record.sequence > self.sequence + 1:
            self.lost = True
        if self.lost:
            self.sequence, self.labels = record.sequence, record.labels
            return
        self.learn(record)

    def _marker(self, record: Marker) -> None:
        revoked = {
            step.sequence
            for step in self._waiting
            if any(first <= step.sequence <= last for first, last in record.revoked)
        }
        if revoked:
            self._restart([step for step in self._waiting if step.sequence not in revoked])
        self.sequence = max(self.sequence, record.published, *(end for _, end in record.revoked))
        if record.published > self.published_sequence:
            waiting = [step for step in self._waiting if step.sequence > record.published]
            if waiting:
                later = self._waiting
                self._restart([step for step in later if step.sequence <= record.published])
                self.publish()
                for step in waiting:
                    self.learn(step)
            else:
                self.publish()
            self.published_sequence = record.published
        self.digest = record.digest
        self.frozen = record.frozen
        if record.labels is not None and _is_later(record.labels, self.labels):
            self.labels = record.labels

    def _pointer(self, record: Pointer) -> None:
        """Go where an online artifact leads whose sequence no step has: an operator's choice."""
        self.announced.take(record)
        if record.model != "online" or record.stage != "live" or record.sequence <= self.sequence:
            return
        models = self._load(record)
        if models is None:
            self.lost, self.sequence = True, record.sequence
        else:
            self.replace(models, record.sequence)
        self.labels = record.labels or self.labels

    def _restart(self, steps: list[StepRecord]) -> None:
        """Go back to what is published, and learn these steps from there."""
        sequence, labels = self.sequence, self.labels
        self.head = self.published.clone()
        self.memory = self._published_memory.copy()
        self._waiting = []
        for step in steps:
            self.learn(step)
        self.sequence, self.labels = sequence, labels


def _is_later(one: LabelPosition, other: LabelPosition | None) -> bool:
    return other is None or one.epoch != other.epoch or one.offset > other.offset
