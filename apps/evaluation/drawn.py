"""The curves of an evaluation as charts."""

from collections.abc import Iterator, Sequence

from apps.evaluation.curves import Bin, Window
from apps.evaluation.figures import Scores, curve
from apps.pages.chart import LOG, LOGIT, Axis, Line, chart, round_ticks
from apps.pages.roc import Curve, roc_chart

__all__ = ["corners", "learning_charts", "reliability_chart", "roc_of"]

_PERCENTS = ((0.001, "0.001"), (0.01, "0.01"), (0.1, "0.1"), (1, "1"), (10, "10"), (100, "100"))
_SHARES = ((0.001, "0.001"), (0.01, "0.01"), (0.1, "0.1"), (0.5, "0.5"), (0.9, "0.9"))
_HIGH = ((0.99, "0.99"), (0.999, "0.999"))
_LEAST = 0.001


def corners(scores: Scores) -> list[tuple[float, float]]:
    """Return the ROC curve as shares of ham misjudged and spam missed; needs both classes."""
    return [(point.ham_misjudged, point.spam_missed) for point in curve(scores)]


def roc_of(scores: Scores, title: str) -> str:
    """Return the ROC curve as an SVG element; "" where a class is missing."""
    ham, spam = len(scores.of_ham), len(scores.of_spam)
    if not ham or not spam:
        return ""
    return roc_chart(title, [Curve("", "blue", corners(scores))], ham, spam)


def learning_charts(windows: Sequence[Window]) -> Iterator[str]:
    """Yield the ranking so far, and the errors of each window; nothing where a class is missing."""
    if not windows:
        return
    count = windows[-1].end
    x = Axis("messages", 0, count, round_ticks(count))
    ranked = [(w.end, w.one_minus_roca_pct) for w in windows if w.one_minus_roca_pct is not None]
    if ranked:
        least = max(_LEAST, min(value for _, value in ranked) / 2)
        y = Axis("1-ROCA %", least, 100, [it for it in _PERCENTS if it[0] >= least], LOG)
        line = Line("1-ROCA %", "blue", ranked)
        yield chart("Ranking of all messages so far", x, y, [line])
    ham = [(w.end, w.ham_misjudged_pct) for w in windows if w.ham_misjudged_pct is not None]
    spam = [(w.end, w.spam_missed_pct) for w in windows if w.spam_missed_pct is not None]
    most = max([5.0, *(value for _, value in (*ham, *spam))])
    y = Axis("%", 0, most, round_ticks(most))
    lines = [Line("ham misjudged", "red", ham), Line("spam missed", "blue", spam)]
    yield chart("Errors at even odds, by piece of the stream", x, y, lines)


def reliability_chart(bins: Sequence[Bin]) -> str:
    """Return predicted against observed shares of spam, on logit axes; "" without a message."""
    if not bins:
        return ""
    ticks = (*_SHARES, *_HIGH)
    x = Axis("predicted probability", _LEAST, 1 - _LEAST, ticks, LOGIT)
    y = Axis("observed share of spam", _LEAST, 1 - _LEAST, ticks, LOGIT)
    line = Line(
        "observed",
        "blue",
        [(each.predicted, each.observed) for each in bins],
        [(each.low, each.high) for each in bins],
        shape="dots",
    )
    return chart("Reliability: can the score be believed?", x, y, [line], diagonal=True)
