"""What is left of a label that was taken back, once a thousand others have been learned since."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from apps.bench.dated_stream import read_dated_stream
from apps.evaluation.parts import open_offline
from detectors.judging import Judge, Judged, Prepared
from detectors.verdict import MICRO
from features.history import UNKNOWN
from models.ensemble import Ensemble
from models.label import Source
from models.lessons import lesson_of
from models.step import Lesson, Step
from models.teaching import Known, Labelled, step_of
from streams.settings import Settings

__all__ = ["measure_retraction"]

_SEED: Final = 2_000  # messages of the stream that the models begin with
_SINCE: Final = 1_000  # labels learned after the one that is taken back
_CASES: Final = 8
_SOURCES: Final[tuple[Source, ...]] = ("report", "analyst")

Say = Callable[[str], None]


def measure_retraction(settings: Settings, corpora: Path, say: Say) -> dict[str, Any]:
    """Return how far models that took a label back differ from others that never had it.

    Told of the labelled message itself, in logits of the whole verdict, by source: the label's
    `effect` when it was learned, and what is `left` after it was taken back and 1,000 labels of
    other messages were learned by either; medians over wrong labels of 8 messages of the dated
    SpamAssassin stream.
    """
    offline = open_offline(settings)
    core, models = offline.core, offline.core.models
    assert models is not None
    stream = read_dated_stream(corpora, core.context.limits)
    kept: dict[bool, list[Lesson]] = {False: [], True: []}
    later: list[tuple[bool, Judged]] = []
    for number, item in enumerate(stream.items[: _SEED + _SINCE]):
        (judged,) = offline.judge([item.incoming])
        if judged.sample is None:
            continue
        if number < _SEED:
            offline.label(judged, abuse=item.entry.spam)
            kept[item.entry.spam].append(
                lesson_of(judged.sample, judged.terms_seen, abuse=item.entry.spam)
            )
        else:
            later.append((item.entry.spam, judged))
    say(f"models that have learned {_SEED:,} messages")
    known = Known(kept[False], kept[True], min(map(len, kept.values())))
    never = models.clone()
    _learn_later(never, later, known)
    found: dict[str, Any] = {"cases": _CASES, "labels_since": len(later)}
    chosen = stream.items[_SEED + _SINCE :: (len(stream.items) - _SEED - _SINCE) // _CASES]
    for source in _SOURCES:
        effects, left = [], []
        for number, item in enumerate(chosen[:_CASES]):
            prepared = core.prepare([item.incoming])
            (judged,) = core.with_models(models).conclude(prepared, [UNKNOWN])
            taught = models.clone()
            step = _step(source, number, judged, known, abuse=not item.entry.spam)
            if step is None:
                continue
            taught.apply(step)
            effects.append(abs(_logit(core, taught, prepared) - _logit(core, models, prepared)))
            taught.apply(_back(step))
            _learn_later(taught, later, known)
            left.append(abs(_logit(core, taught, prepared) - _logit(core, never, prepared)))
        found[source] = {
            "effect": round(float(np.median(effects)), 4),
            "left": round(float(np.median(left)), 4),
            "left_most": round(max(left), 4),
            "left_pct": round(100 * float(np.median(left)) / float(np.median(effects)), 1),
        }
        say(f"labels of {source}")
    return found


def _learn_later(models: Ensemble, later: list[tuple[bool, Judged]], known: Known) -> None:
    for number, (abuse, judged) in enumerate(later):
        step = _step("analyst", number, judged, known, abuse=abuse)
        if step is not None:
            models.apply(step)


def _step(source: Source, number: int, judged: Judged, known: Known, *, abuse: bool) -> Step | None:
    assert judged.sample is not None
    label = Labelled(
        id=f"{source}-{number}",
        source=source,
        abuse=abuse,
        weight=1.0,
        sample=judged.sample,
        terms=judged.terms_seen,
    )
    return step_of(label, known)


def _back(step: Step) -> Step:
    """Return what takes a label's step back, as the learner does: its own lesson, negated."""
    return Step((replace(step.lessons[0], weight=-step.lessons[0].weight),))


def _logit(core: Judge, models: Ensemble, prepared: list[Prepared]) -> float:
    (judged,) = core.with_models(models).conclude(prepared, [UNKNOWN])
    return (judged.verdict.logit or 0) / MICRO
