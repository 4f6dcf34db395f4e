"""What a comparison looks like: flows between actions, scores before and after, ROC curves."""

from collections.abc import Iterator
from typing import Final

from apps.pages.chart import LINEAR, LOG, Axis, Line, Tone, chart, round_ticks
from apps.pages.flow import flow_chart
from apps.pages.roc import Curve, roc_chart
from apps.replay.comparison import BINS, Comparison, Scores
from detectors.actions import ACTIONS

__all__ = ["flow_drawing", "score_charts"]

_PROBABILITIES: Final = (
    (-13.8155, "1e-6"),
    (-9.2102, "0.0001"),
    (-4.5951, "0.01"),
    (0.0, "0.5"),
    (4.5951, "0.99"),
    (9.2102, "0.9999"),
)
_OF: Final = {"all": "all messages", "ham": "mail labelled ham", "abuse": "mail labelled abuse"}
_FEW: Final = 20  # messages a bin up to which a linear axis shows all of them


def flow_drawing(found: Comparison) -> str:
    """Return the flows between actions as SVG, "" where no action differs."""
    moved: dict[tuple[str, str], int] = {
        (flow.before, flow.after): flow.messages for flow in found.flows
    }
    heads = (found.before, found.after)
    return flow_chart("Messages that get another action", heads, ACTIONS, moved)


def score_charts(found: Comparison) -> Iterator[str]:
    """Yield the distribution of scores of each part, and the ROC curves, where there are any."""
    for scores in found.scores:
        if any(scores.before) or any(scores.after):
            yield _distribution(scores, found.before, found.after)
    if found.curves and found.labelled_ham and found.labelled_abuse:
        yield _roc(found)


def _distribution(scores: Scores, before: str, after: str) -> str:
    most = max(*scores.before, *scores.after)
    few = most <= _FEW
    ticks = [(10.0**power, f"{10**power:,}") for power in range(12) if 10**power <= most]
    whole = [tick for tick in round_ticks(max(most, 1)) if tick[0].is_integer()]
    y = (
        Axis("messages", 0, max(most, 1), whole, LINEAR)
        if few
        else Axis("messages (logarithmic)", 0.5, most * 1.3, ticks, LOG)
    )
    x = Axis("score, from honest to abuse", BINS[0], BINS[-1], _PROBABILITIES)
    lines = [
        Line(before, "grey", _outline(scores.before), shape="area"),
        Line(after, "blue", _outline(scores.after), shape="stairs"),
    ]
    return chart(f"Scores of {_OF[scores.of]}", x, y, lines)


def _outline(counts: tuple[int, ...]) -> list[tuple[float, float]]:
    """Return a histogram as stairs: a bin's count holds from its left edge to the next one."""
    points: list[tuple[float, float]] = [(BINS[0], counts[0])]
    for place, count in enumerate(counts):
        # The stairs rise at the end of a step: a bin's right edge takes the next bin's height.
        following = counts[place + 1] if place + 1 < len(counts) else count
        points.append((BINS[place + 1], following))
    return points


def _roc(found: Comparison) -> str:
    names = {"before": found.before, "after": found.after}
    curves = []
    for curve in found.curves:
        area = "" if curve.area is None else f" (1-ROCA {curve.area:.3g} %)"
        corners = [(point.ham_misjudged, 1 - point.abuse_caught) for point in curve.points]
        late = curve.run == "after"
        tone: Tone = "blue" if late else "grey"
        curves.append(Curve(f"{names[curve.run]}{area}", tone, corners, dashed=not late))
    title = "Ham misjudged and abuse missed, by threshold"
    return roc_chart(title, curves, found.labelled_ham, found.labelled_abuse, "abuse")
