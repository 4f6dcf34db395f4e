"""What `weir models quality` says, as one record: the JSON of --json, and all that is drawn."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec
import numpy as np

from apps.quality.estimates import Cell, Drawn, Estimate, estimate, labels_for
from apps.quality.history import History
from detectors.actions import ACTIONS
from models.drift import Alarm
from models.progress import Quality, quality

__all__ = ["AIM", "AUDIT", "LET_THROUGH", "Day", "Figures", "Mistakes", "ModelFigures", "figures"]

LET_THROUGH: Final = frozenset({"accept", "add_header"})
"""Actions with which a message reaches the inbox: abuse among them was missed. With all others
honest mail doesn't, or comes with another subject."""
AIM: Final = 0.01
"""Labels still wanted are those that bound a share of mistakes within so much."""
AUDIT: Final = "audit"
_CURVE: Final = 60  # most points of time in a plot
_OF_A_POINT: Final = 100  # labels of each, so that it says something


class Mistakes(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate: `count` of `messages`, with its 95 % interval.

    `known` is False where nothing can be said yet. `labels` it rests on; `wanted` more would bound
    the share within AIM. `rates`: estimate and interval as shares of all honest mail (false
    positives) or of all abuse (misses), wherever it went; None for a part of the mail.
    """

    messages: int
    count: float
    low: float
    high: float
    labels: int
    found: int
    known: bool
    wanted: int
    rates: tuple[float, float, float] | None = None


class ActionFigures(msgspec.Struct, frozen=True):
    """Abuse among the messages with one action."""

    action: str
    abuse: Mistakes


class Day(msgspec.Struct, frozen=True):
    """Mistakes of some days, from `first` to `last`."""

    first: date
    last: date
    false_positives: Mistakes
    misses: Mistakes


class Bar(msgspec.Struct, frozen=True):
    """A bin of a reliability diagram."""

    least: float
    most: float
    labels: int
    said: float
    true: float


class ModelFigures(msgspec.Struct, frozen=True):
    """Progressive validation of one model on the labels of one source.

    Of the source AUDIT, the messages that were asked about, each counts as the 1 / p that it
    stands for: these figures tell of all mail.
    """

    model: str
    source: str
    ham: int
    abuse: int
    log_loss: float
    auc: float | None
    calibration_error: float
    bins: tuple[Bar, ...]


class Number(msgspec.Struct, frozen=True):
    """A watched number: its recent mean, that of weeks, and its standard deviation."""

    name: str
    recent: float
    usual: float
    deviation: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of how good the filter was in a time."""

    schema: int = 1
    since: datetime
    until: datetime
    verdicts: int
    without_logit: int
    labels: int
    labels_unmatched: int
    asked: int
    answered: int
    false_positives: Mistakes
    misses: Mistakes
    actions: tuple[ActionFigures, ...]
    days: tuple[Day, ...]
    models: tuple[ModelFigures, ...]
    numbers: tuple[Number, ...]
    alarms: tuple[Alarm, ...]


def figures(history: History, since: datetime, until: datetime) -> Figures:
    """Return what the history says."""
    sizes, drawn = history.all_sizes(), history.drawn()
    wrong, missed = _both(sizes, drawn)
    return Figures(
        since=since,
        until=until,
        verdicts=history.verdicts,
        without_logit=history.without_logit,
        labels=history.truths.labels,
        labels_unmatched=history.truths.unmatched,
        asked=len(drawn),
        answered=sum(one.abuse is not None for one in drawn),
        false_positives=wrong,
        misses=missed,
        actions=tuple(
            ActionFigures(action, _plain(found))
            for action in ACTIONS
            if (found := estimate(sizes, drawn, abuse=True, where=action.__eq__)).messages
        ),
        days=tuple(_days(history)),
        models=tuple(_models(history)),
        numbers=tuple(
            Number(s.name, s.recent, s.usual, s.deviation) for s in history.drift.standings()
        ),
        alarms=tuple(history.alarms),
    )


def _both(sizes: Mapping[Cell, float], drawn: Sequence[Drawn]) -> tuple[Mistakes, Mistakes]:
    """Return false positives and misses."""
    wrong = estimate(sizes, drawn, abuse=False, where=_held_back)
    missed = estimate(sizes, drawn, abuse=True, where=_let_through)
    honest, abuse = missed.messages - missed.likely, wrong.messages - wrong.likely
    return _plain(wrong, honest), _plain(missed, abuse)


def _let_through(action: str) -> bool:
    return action in LET_THROUGH


def _held_back(action: str) -> bool:
    return action not in LET_THROUGH


def _plain(found: Estimate, right: float | None = None) -> Mistakes:
    """Return an estimate as it is told; `right` is how much of the same mail was judged rightly."""
    return Mistakes(
        messages=round(found.messages),
        count=round(found.likely, 3),
        low=round(found.low, 3),
        high=round(found.high, 3),
        labels=found.labels,
        found=found.found,
        known=found.is_known,
        wanted=labels_for(found, AIM),
        rates=None
        if right is None
        else (_rate(found.likely, right), _rate(found.low, right), _rate(found.high, right)),
    )


def _rate(wrong: float, right: float) -> float:
    return round(wrong / (wrong + right), 9) if wrong + right else 0.0


def _days(history: History) -> list[Day]:
    """Return estimates by as few days at once as give points that say something."""
    if not history.sizes:
        return []
    first, last = min(history.sizes), max(history.sizes)
    days = last - first + 1
    answered = sum(one.abuse is not None for one in history.asked)
    span = max(1, -(-days // _CURVE), -(-days * _OF_A_POINT // max(1, answered)))
    first -= (span - days % span) % span  # the last point is a full one, as it is looked at most
    rows = []
    for begin in range(first, last + 1, span):
        inside = range(begin, begin + span)
        sizes = sum((history.sizes[day] for day in inside if day in history.sizes), start=Counter())
        drawn = history.drawn(inside)
        if sizes:
            rows.append(
                Day(
                    _date(max(begin, min(history.sizes))),
                    _date(min(last, begin + span - 1)),
                    *_both(sizes, drawn),
                )
            )
    return rows


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


def _models(history: History) -> Iterator[ModelFigures]:
    answered = [one for one in history.asked if one.abuse is not None and one.chance > 0]
    for model in sorted({name for one in answered for name in one.logits}):
        held = [one for one in answered if model in one.logits]
        yield _model_figures(
            model,
            AUDIT,
            quality(
                np.array([one.logits[model] for one in held]),
                np.array([bool(one.abuse) for one in held]),
                np.array([1 / one.chance for one in held]),
            ),
        )
    for found in history.progress.figures():
        yield _model_figures(*found)


def _model_figures(model: str, source: str, found: Quality) -> ModelFigures:
    return ModelFigures(
        model,
        source,
        found.ham,
        found.abuse,
        round(found.loss, 6),
        None if found.auc is None else round(found.auc, 6),
        round(found.error, 6),
        tuple(Bar(*bar) for bar in found.bins),
    )
