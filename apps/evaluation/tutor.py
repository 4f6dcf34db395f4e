"""How Weir learns under evaluation: by the learner's own rules, and in one process."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from apps.evaluation.regimes import Shown
from detectors.actions import MICRO
from detectors.judging import Judged
from features.sender import Touches, labelled
from models import seeding
from models.ensemble import Ensemble
from models.label import Label, Target
from models.lessons import lesson_of, read_lesson
from models.sample import Sample
from models.step import Lesson
from models.teaching import Known, Labelled, Recipe, step_of
from models.trust import Trust
from streams.labels.ledger import Ledger, Outcome, asked_of, reported_entities
from streams.labels.message import Found, Taken, record_of
from streams.stores.label_state import LabelRecord
from streams.stores.protocol import Move
from streams.stores.rolling_memory import RollingMemory

__all__ = ["Kept", "Tutor", "kept_of"]

_EPOCH: Final = "evaluation"
_STANDING: Final = 90 * 86_400.0  # seconds that reports stand, as labels are kept by default


class Kept(NamedTuple):
    """What a late label needs of a judged message, without the message: a few kilobytes.

    `reporter` stands for who received it: whoever reports it is one of them.
    """

    lesson: Lesson
    touches: Touches
    record: LabelRecord
    logit: float | None
    reporter: str


def kept_of(judged: Judged) -> Kept | None:
    """Return what is to be kept of a message; None of one that broke the pipeline."""
    evidence = judged.evidence
    if judged.error is not None or evidence is None or judged.sample is None:
        return None
    touches, envelope = evidence.touches, evidence.envelope
    logit = judged.verdict.logit
    pairs = [it.entity.label for it in touches.increments if it.entity.kind.name == "pair"]
    return Kept(
        lesson_of(judged.sample, judged.terms_seen, abuse=False),
        touches,
        record_of(Found(envelope.id), evidence, touches.at),
        None if logit is None else logit / MICRO,
        pairs[0].removeprefix("pair:").partition(",")[0] if pairs else envelope.id,
    )


class _Material(NamedTuple):
    sample: Sample
    terms_seen: Mapping[str, float]


class Tutor:
    """Teaches models and label counts one label after the other.

    Labels that everything begins with, and without a `recipe` all of them, teach in full, and,
    where they are to last (`lasting`), under the smoothing of models.seeding, with further passes
    when they have all come. Later ones are heard, counted and taught as the learner does: by the
    policy's trust and by the recipe of models.teaching.
    """

    def __init__(
        self,
        models: Ensemble | None,
        state: RollingMemory | None,
        *,
        lasting: bool = False,
        recipe: Recipe | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._models, self._state = models, state
        self._lasting, self._recipe = lasting, recipe
        self._trust = trust or Trust()
        self._stored: dict[bool, list[Lesson]] = {False: [], True: []}
        self._seed: list[Lesson] = []
        self._settled = False
        self._labels = 0

    def learn(self, kept: Kept, shown: Shown) -> None:
        """Take a label."""
        if shown.seed or self._recipe is None:
            self._learn_all(kept, shown)
        else:
            self._learn_some(kept, shown, self._recipe)

    def settle(self) -> None:
        """Go over the seed again, so that it lasts; see models.seeding."""
        if self._lasting and self._models is not None and self._models.text is not None:
            samples = [read_lesson(lesson).sample for lesson in self._seed]
            seeding.repeat(self._models.text, samples, [it.abuse for it in self._seed])
        self._seed.clear()
        self._settled = True

    def _learn_all(self, kept: Kept, shown: Shown) -> None:
        lesson = replace(kept.lesson, abuse=shown.abuse)
        lasting = self._lasting and not self._settled
        if self._models is not None:
            material = _Material(read_lesson(lesson).sample, lesson.terms)
            smoothing = seeding.SMOOTHING if lasting else None
            self._models.learn(material, abuse=shown.abuse, smoothing=smoothing)
        if self._recipe is not None:
            self._stored[shown.abuse].append(lesson)
        if lasting:
            self._seed.append(lesson)
        if self._state is not None:
            touches = kept.touches
            move = Move(None, touches.at, labelled(touches, abuse=shown.abuse))
            self._state.advance("outcome", [move])

    def _learn_some(self, kept: Kept, shown: Shown, recipe: Recipe) -> None:
        outcome = self._count(kept, shown)
        stands = outcome.after
        if not outcome.change.taught or not stands.teaches or stands.abuse is None:
            return
        label = Labelled(
            id=str(self._labels),
            source=stands.source or shown.source,
            abuse=stands.abuse,
            weight=stands.weight,
            sample=read_lesson(kept.lesson).sample,
            terms=kept.lesson.terms,
            campaign=outcome.campaign,
            logit=kept.logit,
            shared=stands.shared,
        )
        known = Known(self._stored[False], self._stored[True], min(map(len, self._stored.values())))
        step = step_of(label, known, recipe)
        if step is not None:
            if self._models is not None:
                self._models.apply(step)
            self._stored[stands.abuse].append(replace(kept.lesson, abuse=stands.abuse))

    def _count(self, kept: Kept, shown: Shown) -> Outcome:
        """Hear a label as counting does, over the state's own store of labels."""
        state = self._state if self._state is not None else RollingMemory()
        at = kept.touches.at
        label = Label(
            id=f"{shown.place} {shown.source}",
            of=Target(id=kept.record.message),
            truth="spam" if shown.abuse else "ham",
            source=shown.source,
            reporter=kept.reporter,
            given_at=datetime.fromtimestamp(at, UTC),
        )
        taken = Taken(label, self._labels, at)
        self._labels += 1
        task = (taken, kept.record)
        messages, reporters = asked_of([task])
        known = state.labels.state(messages, reporters, reported_entities([kept.record]))
        ledger = Ledger(known, reporters, _EPOCH, lambda _: self._trust, _STANDING)
        outcome = ledger.hear(*task)
        state.advance("outcome", ledger.moves)
        credited = state.labels.state((), ledger.credited(), ())
        state.labels.keep(ledger.kept(credited.reporters))
        return outcome
