"""What `weir models quality` says, as one record: the JSON of --json, and all that is drawn."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from apps.quality.estimates import Estimate, estimate, labels_for
from apps.quality.history import History
from detectors.actions import ACTIONS
from models.drift import Alarm

__all__ = ["AIM", "LET_THROUGH", "Day", "Figures", "Mistakes", "ModelFigures", "figures"]

LET_THROUGH: Final = frozenset({"accept", "add_header"})
"""Actions with which a message reaches the inbox: abuse among them was missed. With all others
honest mail doesn't, or comes with another subject."""
AIM: Final = 0.01
"""Labels still wanted are those that bound a share of mistakes within so much."""
_CURVE: Final = 60  # points of time in a plot


class Mistakes(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate: `count` of `messages`, with its 95 % interval.

    `known` is False where nothing can be said yet. `labels` it rests on; `wanted` more would bound
    the share within AIM.
    """

    messages: int
    count: float
    low: float
    high: float
    labels: int
    found: int
    known: bool
    wanted: int


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
    """Progressive validation of one model on the labels of one source."""

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
    return Figures(
        since=since,
        until=until,
        verdicts=history.verdicts,
        without_logit=history.without_logit,
        labels=history.truths.labels,
        labels_unmatched=history.truths.unmatched,
        asked=len(drawn),
        answered=sum(one.abuse is not None for one in drawn),
        false_positives=_plain(estimate(sizes, drawn, abuse=False, where=_held_back)),
        misses=_plain(estimate(sizes, drawn, abuse=True, where=_let_through)),
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


def _let_through(action: str) -> bool:
    return action in LET_THROUGH


def _held_back(action: str) -> bool:
    return action not in LET_THROUGH


def _plain(found: Estimate) -> Mistakes:
    return Mistakes(
        messages=round(found.messages),
        count=round(found.likely, 3),
        low=round(found.low, 3),
        high=round(found.high, 3),
        labels=found.labels,
        found=found.found,
        known=found.is_known,
        wanted=labels_for(found, AIM),
    )


def _days(history: History) -> list[Day]:
    """Return estimates by day; by several days where there are more than a plot can show."""
    if not history.sizes:
        return []
    first, last = min(history.sizes), max(history.sizes)
    span = 1 + (last - first) // _CURVE
    rows = []
    for begin in range(first, last + 1, span):
        inside = range(begin, begin + span)
        sizes = sum((history.sizes[day] for day in inside if day in history.sizes), start=Counter())
        drawn = [one for day in inside for one in history.drawn(day)]
        if sizes:
            rows.append(
                Day(
                    _date(begin),
                    _date(min(last, begin + span - 1)),
                    _plain(estimate(sizes, drawn, abuse=False, where=_held_back)),
                    _plain(estimate(sizes, drawn, abuse=True, where=_let_through)),
                )
            )
    return rows


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


def _models(history: History) -> list[ModelFigures]:
    return [
        ModelFigures(
            model,
            source,
            found.ham,
            found.abuse,
            round(found.loss, 6),
            None if found.auc is None else round(found.auc, 6),
            round(found.error, 6),
            tuple(Bar(*bar) for bar in found.bins),
        )
        for model, source, found in history.progress.figures()
    ]
