"""The ROC curve near the threshold: both axes logarithmic, since both errors are to be small."""

from collections.abc import Sequence
from typing import NamedTuple

from apps.pages.chart import LOG, Axis, Line, Point, Tone, chart

__all__ = ["Curve", "roc_chart"]

_LABELS = {1e-5: "0.001", 1e-4: "0.01", 1e-3: "0.1", 1e-2: "1", 1e-1: "10", 1.0: "100"}


class Curve(NamedTuple):
    """Corners of a curve from the highest threshold down: share of ham misjudged, of spam missed.

    Between two corners no threshold lies: it is drawn as a staircase.
    """

    name: str
    tone: Tone
    corners: Sequence[Point]
    dashed: bool = False


def roc_chart(title: str, curves: Sequence[Curve], ham: int, spam: int, word: str = "spam") -> str:
    """Return the curves as an SVG element, ham misjudged against spam missed, in %.

    Args:
        title: what stands above it.
        curves: one or more, the last in front.
        ham: how much ham there is, at least one: half a message is where the axis begins, and
            stands for none.
        spam: how much spam, for the other axis.
        word: what spam is called.
    """
    lines = [
        Line(
            each.name,
            each.tone,
            each.corners,
            shape="stairs",
            dashed=each.dashed,
        )
        for each in curves
    ]
    x = _axis(f"% of {ham:,} ham misjudged", 0.5 / ham)
    return chart(title, x, _axis(f"% of {spam:,} {word} missed", 0.5 / spam), lines)


def _axis(title: str, least: float) -> Axis:
    ticks = [(share, label) for share, label in _LABELS.items() if share >= least]
    return Axis(title, least, 1.0, ticks, LOG)
