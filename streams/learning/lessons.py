"""A counted label becomes a learning step: the message as it was judged, and what it may move."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from detectors.actions import MICRO
from detectors.judging import Prepared
from detectors.margins import CLIP
from detectors.stack import Stack
from detectors.verdict import Verdict
from features.vector import SCHEMA
from models.fusion import Fusion
from models.lessons import lesson_of
from models.sample import Sample
from models.snapshot import LabelPosition
from models.step import Lesson, Part, Step
from models.teaching import SHIPPED, Labelled, Recipe, step_of
from streams.labels.ledger import Outcome
from streams.labels.message import Found, Taken
from streams.learning.lineage import Lineage
from streams.model_records import StepRecord

__all__ = ["Teacher", "terms_of", "vector_of"]

_BLIND: Final[tuple[Part, ...]] = ("bayes", "gradient")  # what learns without a verdict
_ROOM: Final = 65_536  # bytes that a step's own fields and headers may take
_FEWEST: Final = 1e-9
_EMPTY: Final = np.zeros(0, np.float32)


def terms_of(verdict: Verdict, stack: Stack, fusion: Fusion) -> dict[str, float]:
    """Return what the stack saw of a message, by signal, as far as its verdict tells.

    A model's logit is in its signal. A detector's strength is its contribution over the weight in
    force: that of now, from which the weight of then differs by what labels have moved since.
    Judging again isn't better: it would need the history of then, which no record holds whole.
    """
    fused = stack.fused(fusion)
    terms: dict[str, float] = {}
    for signal in verdict.signals:
        logit = signal.inputs.get("logit")
        if signal.group == "learned" and isinstance(logit, float | int):
            terms[signal.name] = max(-CLIP, min(CLIP, float(logit)))
            continue
        try:
            weight = fused.in_force(signal.name)
        except KeyError:
            continue  # a signal of another release
        if abs(weight) > _FEWEST:
            terms[signal.name] = max(0.0, min(1.0, signal.contribution / 1e6 / weight))
    return terms


class Teacher:
    """Makes the steps of labels, one after the other, for the lineage that learns them.

    `largest` bounds a step in bytes: what is replayed beside a long message gives way.
    """

    def __init__(
        self,
        lineage: Lineage,
        stack: Stack,
        layout: str,
        *,
        epoch: str,
        fence: int,
        largest: int,
        recipe: Recipe = SHIPPED,
    ) -> None:
        self._lineage = lineage
        self._stack = stack
        self._layout = layout
        self._epoch = epoch
        self._fence = fence
        self._largest = largest - _ROOM
        self._recipe = recipe

    def learn(
        self, taken: Taken, outcome: Outcome, found: Found, prepared: Prepared | None
    ) -> StepRecord | None:
        """Learn what a label changes, and return its step; None where it changes nothing.

        What models have learned of the message before is taken back first. Without the message
        itself nothing can be: its counts are taken back, and the models keep what they have.
        """
        lineage = self._lineage
        if prepared is None or prepared.evidence is None or prepared.tokens is None:
            return None
        verdict = found.verdict
        vector = prepared.evidence.vector if verdict is None else vector_of(verdict)
        terms = {} if verdict is None else terms_of(verdict, self._stack, lineage.head.fusion)
        sample = Sample(_EMPTY if verdict is None or vector is None else vector, prepared.tokens)
        before = lineage.memory.taught(outcome.message)
        logit = None if verdict is None else verdict.logit
        after = self._after(taken, outcome, sample, terms, logit)
        if after is not None and verdict is None:
            after = Step((_blind(after.lessons[0]), *after.lessons[1:]))
        if before is not None:
            if after is not None and _is_same(before.abuse, before.weight, after.lessons[0]):
                return None
            back = lesson_of(
                sample,
                terms,
                abuse=before.abuse,
                weight=-before.weight,
                moves=before.moves,
                cap=before.cap,
            )
            after = Step((back, *(after.lessons if after else ())))
        if after is None or not after.lessons:
            return None
        record = StepRecord(
            fence=self._fence,
            sequence=lineage.sequence + 1,
            labels=LabelPosition(self._epoch, taken.offset),
            schema=SCHEMA.digest,
            layout=self._layout,
            source=outcome.after.source or taken.label.source,
            message=outcome.message,
            step=_bounded(after, self._largest),
            sender="" if verdict is None or found.bare else verdict.sender,
            at=taken.at,
        )
        lineage.learn(record)
        return record

    def _after(
        self,
        taken: Taken,
        outcome: Outcome,
        sample: Sample,
        terms: Mapping[str, float],
        logit: int | None,
    ) -> Step | None:
        stands = outcome.after
        if not stands.teaches or stands.abuse is None or not stands.source:
            return None
        # A message that teaches already isn't one more of its campaign.
        known = self._lineage.memory.taught(outcome.message) is not None
        label = Labelled(
            id=taken.label.id,
            source=stands.source,
            abuse=stands.abuse,
            weight=stands.weight,
            sample=sample,
            terms=terms,
            campaign=0 if known else outcome.campaign,
            logit=None if logit is None else logit / MICRO,
            shared=stands.shared,
        )
        return step_of(label, self._lineage.memory.known(), self._recipe)


def vector_of(verdict: Verdict) -> NDArray[np.float32] | None:
    """Return a verdict's vector as judged; None where it is none of this release's."""
    if verdict.features.schema != SCHEMA.digest:
        return None
    try:
        vector = np.frombuffer(base64.b64decode(verdict.features.f32), "<f4").astype(np.float32)
    except (binascii.Error, ValueError):
        return None
    return vector if len(vector) == len(SCHEMA.names) else None


def _blind(lesson: Lesson) -> Lesson:
    return replace(lesson, moves=tuple(part for part in lesson.moves if part in _BLIND))


def _is_same(abuse: bool, weight: float, lesson: Lesson) -> bool:  # noqa: FBT001 - a lesson's field
    return lesson.abuse == abuse and lesson.weight == weight


def _bounded(step: Step, largest: int) -> Step:
    """Leave out the last of what is replayed until the step fits into a record."""
    lessons = list(step.lessons)
    own = 2 if lessons[0].weight < 0 else 1
    while len(lessons) > own and sum(_size(lesson) for lesson in lessons) > largest:
        lessons.pop()
    return Step(tuple(lessons))


def _size(lesson: Lesson) -> int:
    return len(lesson.slots) + len(lesson.vector) + 32 * len(lesson.terms)
