"""How far the labels of a case move mail that has nothing to do with it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from apps.bench.campaigns import campaigns
from apps.bench.dated_stream import read_dated_stream
from apps.evaluation.parts import open_offline
from detectors.judging import Judge, Judged, Prepared
from detectors.verdict import MICRO
from features.envelope import Incoming
from features.history import UNKNOWN
from models.ensemble import Ensemble
from models.label import Source
from models.lessons import lesson_of
from models.step import Lesson
from models.teaching import Known, Labelled, step_of
from streams.settings import Settings

__all__ = ["measure_unrelated"]

_SEED: Final = 2_000  # messages of the stream that the models begin with
_JUDGED: Final = 300  # unrelated messages, spread over the rest
_CASES: Final = 20
_LABELS: Final[dict[Source, int]] = {"report": 3, "trap": 1}
_WEIGHTS: Final[dict[Source, float]] = {"report": 1.0, "trap": 1.0}

Say = Callable[[str], None]


def measure_unrelated(settings: Settings, corpora: Path, say: Say) -> dict[str, Any]:
    """Return how far one case's labels move unrelated mail, in logits of the whole verdict.

    The models have learned the first 2,000 messages of the dated SpamAssassin stream; then each
    case begins from there. A report has the weight of a sure reporter, the most that it can have.
    """
    offline = open_offline(settings)
    core = offline.core
    models = core.models
    assert models is not None
    stream = read_dated_stream(corpora, core.context.limits)
    kept: dict[bool, list[Lesson]] = {False: [], True: []}
    for item in stream.items[:_SEED]:
        (judged,) = offline.judge([item.incoming])
        offline.label(judged, abuse=item.entry.spam)
        if judged.sample is not None:
            kept[item.entry.spam].append(
                lesson_of(judged.sample, judged.terms_seen, abuse=item.entry.spam)
            )
    say(f"models that have learned {_SEED:,} messages")
    rest = stream.items[_SEED :: max(1, (len(stream.items) - _SEED) // _JUDGED)]
    prepared = core.prepare([item.incoming for item in rest])
    before = _logits(core, models, prepared)
    known = Known(kept[False], kept[True], min(map(len, kept.values())))
    found: dict[str, Any] = {"messages": len(rest), "cases": _CASES}
    for source, labels in _LABELS.items():
        moved = []
        for campaign in campaigns(_CASES):
            taught = models.clone()
            for number in range(labels):
                (judged,) = core.judge([_incoming(*campaign.message(number))])
                _teach(taught, source, number, judged, known)
            moved.append(np.abs(_logits(core, taught, prepared) - before))
        every = np.concatenate(moved)
        found[source] = {
            "labels": labels,
            "median": round(float(np.median(every)), 4),
            "p99": round(float(np.quantile(every, 0.99)), 4),
            "most": round(float(every.max()), 4),
        }
    return found


def _teach(models: Ensemble, source: Source, number: int, judged: Judged, known: Known) -> None:
    if judged.sample is None:
        return
    label = Labelled(
        id=f"{source}-{number}",
        source=source,
        abuse=True,
        weight=_WEIGHTS[source],
        sample=judged.sample,
        terms=judged.terms_seen,
        campaign=number,
    )
    step = step_of(label, known)
    if step is not None:
        models.apply(step)


def _logits(core: Judge, models: Ensemble, prepared: Sequence[Prepared]) -> NDArray[np.float64]:
    judged = core.with_models(models).conclude(prepared, [UNKNOWN] * len(prepared))
    return np.array([(it.verdict.logit or 0) / MICRO for it in judged], np.float64)


def _incoming(envelope: Any, raw: bytes) -> Incoming:
    return Incoming(replace(envelope, received_at=datetime.now(UTC)), raw)
