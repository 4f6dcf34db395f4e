"""The curves of an evaluation as charts."""

from collections.abc import Iterator, Sequence

from apps.evaluation.charts import LOG, LOGIT, Axis, Line, chart
from apps.evaluation.curves import Bin, Window

__all__ = ["learning_charts", "reliability_chart"]

_BLUE, _RED = "#1f5fa8", "#b03a2e"
_PERCENTS = ((0.001, "0.001"), (0.01, "0.01"), (0.1, "0.1"), (1, "1"), (10, "10"), (100, "100"))
_SHARES = ((0.001, "0.001"), (0.01, "0.01"), (0.1, "0.1"), (0.5, "0.5"), (0.9, "0.9"))
_HIGH = ((0.99, "0.99"), (0.999, "0.999"))
_LEAST = 0.001
_STEPS = (1, 2, 5)


def learning_charts(windows: Sequence[Window]) -> Iterator[str]:
    """Yield the ranking so far, and the errors of each window; nothing where a class is missing."""
    if not windows:
        return
    count = windows[-1].end
    x = Axis("messages", 0, count, _ticks(count))
    ranked = [(w.end, w.one_minus_roca_pct) for w in windows if w.one_minus_roca_pct is not None]
    if ranked:
        least = max(_LEAST, min(value for _, value in ranked) / 2)
        y = Axis("1-ROCA %", least, 100, [it for it in _PERCENTS if it[0] >= least], LOG)
        line = Line("1-ROCA %", _BLUE, ranked)
        yield chart("Ranking of all messages so far", x, y, [line])
    ham = [(w.end, w.ham_misjudged_pct) for w in windows if w.ham_misjudged_pct is not None]
    spam = [(w.end, w.spam_missed_pct) for w in windows if w.spam_missed_pct is not None]
    most = max([5.0, *(value for _, value in (*ham, *spam))])
    y = Axis("%", 0, most, _ticks(most))
    lines = [Line("ham misjudged", _RED, ham), Line("spam missed", _BLUE, spam)]
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
        _BLUE,
        [(each.predicted, each.observed) for each in bins],
        [(each.low, each.high) for each in bins],
        joined=False,
    )
    return chart("Reliability: can the score be believed?", x, y, [line], diagonal=True)


def _ticks(most: float) -> list[tuple[float, str]]:
    """Return round numbers from 0 to `most`, four to ten of them."""
    size = 1.0
    while size * 10 <= most:
        size *= 10
    size = min(size, most)
    step = size / 2 if most / size < _STEPS[1] else size if most / size < _STEPS[2] else size * 2
    return [(step * i, f"{step * i:,g}") for i in range(int(most / step) + 1)]
