"""Small charts as SVG: lines, dots and areas over axes linear, logarithmic, or in logits.

Colours are names of the style sheet's (chart.css), so that they follow a page into the dark and
onto paper; no attribute says `style`, so that a strict content security policy has nothing to
forbid.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

__all__ = [
    "CHART_STYLE",
    "LINEAR",
    "LOG",
    "LOGIT",
    "Axis",
    "Line",
    "Point",
    "Tone",
    "caption",
    "chart",
    "opening",
    "round_ticks",
    "standalone",
]

CHART_STYLE: Final = Path(__file__).with_name("chart.css").read_text("ascii")
"""What dresses the charts of a page."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM = 560, 350, 92, 28, 58
_TITLE, _ROW = 22, 22  # where the title stands, and what a row of the legend takes
_CHAR = 10.5  # px that a letter of the legend takes on a narrow screen, about
_STEPS = (1, 2, 5)

Point = tuple[float, float]
Scale = Callable[[float], float]
Tone = Literal["blue", "red", "green", "amber", "purple", "grey"]


def _logit(share: float) -> float:
    return math.log(share) - math.log1p(-share)


LINEAR: Scale = float
LOG: Scale = math.log
LOGIT: Scale = _logit


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` to `high` with marks where `ticks` says, each with its label.

    Values beyond either end are drawn at it.
    """

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    scale: Scale = LINEAR

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, in [0, 1]."""
        low, high = self.scale(self.low), self.scale(self.high)
        held = min(max(value, self.low), self.high)
        return (self.scale(held) - low) / (high - low) if high > low else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """Points from left to right with a name for the legend; each may have a range, up and down.

    `shape`: joined; as stairs that keep a value up to the next point; an area under such stairs;
    or dots.
    """

    name: str
    tone: Tone
    points: Sequence[Point]
    ranges: Sequence[Point] = ()
    shape: Literal["line", "stairs", "area", "dots"] = "line"
    dashed: bool = False


def chart(
    title: str,
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    *,
    diagonal: bool = False,
) -> str:
    """Return an SVG element, to be put into a page.

    Args:
        title: what stands above it, and what a screen reader says.
        x: the horizontal axis.
        y: the vertical one.
        lines: what is drawn, the first at the back.
        diagonal: draw where both axes are equal.
    """
    rows = list(_rows(lines)) if len(lines) > 1 else []
    frame = _Frame(x, y, _TITLE + 16 + _ROW * len(rows))
    parts = [opening(title, _WIDTH, _HEIGHT), *frame.grid()]
    parts += [item for row, placed in enumerate(rows) for item in _legend(placed, row)]
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        parts.append(
            f'<path class="line dashed grey" d="M{frame.x(low)} {frame.y(low)}'
            f'L{frame.x(high)} {frame.y(high)}"/>'
        )
    for line in lines:
        parts += frame.drawn(line)
    return "\n".join([*parts, "</svg>"])


def standalone(svg: str) -> str:
    """Return a chart as an SVG document of its own, on white."""
    head, rest = svg.split("\n", 1)
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return f"{head}\n<style>{CHART_STYLE}</style>\n{paper}\n{rest}\n"


def opening(title: str, width: int, height: int) -> str:
    """Return how a chart begins: an image with a name, and its title at the top; to be closed."""
    said = escape(title)
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{said}" '
        f'viewBox="0 0 {width} {height}">\n<text class="title" x="4" y="{_TITLE}">{said}</text>'
    )


def caption(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    """Return a piece of text on a chart, escaped."""
    dress = f' class="{kind}"' if kind else ""
    return f'<text{dress} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def round_ticks(most: float) -> list[tuple[float, str]]:
    """Return round numbers from 0 to `most` (above 0), four to ten of them."""
    size = 1.0
    while size * 10 <= most:
        size *= 10
    size = min(size, most)
    step = size / 2 if most / size < _STEPS[1] else size if most / size < _STEPS[2] else size * 2
    return [(step * i, f"{step * i:,g}") for i in range(int(most / step) + 1)]


class _Frame:
    """Places on the drawing: the axes between the legend, the left edge and the captions."""

    def __init__(self, x: Axis, y: Axis, top: float) -> None:
        self._x, self._y = x, y
        self.top, self.floor = top, _HEIGHT - _BOTTOM

    def x(self, value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * self._x.share(value), 1)

    def y(self, value: float) -> float:
        return round(self.floor - (self.floor - self.top) * self._y.share(value), 1)

    def grid(self) -> Iterator[str]:
        right = _WIDTH - _RIGHT
        for value, label in self._x.ticks:
            at = self.x(value)
            yield f'<line class="grid" x1="{at}" x2="{at}" y1="{self.top}" y2="{self.floor}"/>'
            yield caption(at, self.floor + 19, label, "middle", "soft")
        for value, label in self._y.ticks:
            at = self.y(value)
            yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>'
            yield caption(_LEFT - 7, at + 4, label, "end", "soft")
        yield (
            f'<rect class="frame" x="{_LEFT}" y="{self.top}" width="{right - _LEFT}" '
            f'height="{self.floor - self.top}"/>'
        )
        yield caption((_LEFT + right) / 2, _HEIGHT - 12, self._x.title, "middle")
        middle = (self.top + self.floor) / 2
        yield (
            f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">'
            f"{escape(self._y.title)}</text>"
        )

    def drawn(self, line: Line) -> Iterator[str]:
        places = [(self.x(a), self.y(b)) for a, b in line.points]
        for (at, _), (low, high) in zip(places, line.ranges, strict=False):
            yield f'<path class="line {line.tone}" d="M{at} {self.y(low)}V{self.y(high)}"/>'
        if line.shape == "dots" or len(places) < 2:
            for a, b in places:
                yield f'<circle class="dot {line.tone}" cx="{a}" cy="{b}" r="4"/>'
            return
        # A curve of a million corners has no more places on paper than these.
        (first, height), *rest = (place for place, _ in groupby(places))
        if line.shape == "line":
            drawn = f"M{first} {height}" + "".join(f"L{a} {b}" for a, b in rest)
        else:
            drawn = f"M{first} {height}" + "".join(f"H{a}V{b}" for a, b in rest)
        kind = "line dashed" if line.dashed else "line"
        if line.shape == "area":
            drawn, kind = f"{drawn}V{self.floor}H{first}Z", "area"
        yield f'<path class="{kind} {line.tone}" d="{drawn}"/>'


def _rows(lines: Sequence[Line]) -> Iterator[list[tuple[float, Line]]]:
    """Yield the rows of the legend, each a line's place from the left and the line."""
    row: list[tuple[float, Line]] = []
    at = float(_LEFT)
    for line in lines:
        wide = 40 + _CHAR * len(line.name)
        if row and at + wide > _WIDTH:
            yield row
            row, at = [], float(_LEFT)
        row.append((at, line))
        at += wide
    if row:
        yield row


def _legend(row: Sequence[tuple[float, Line]], number: int) -> Iterator[str]:
    y = _TITLE + 20 + _ROW * number
    for x, line in row:
        if line.shape == "area":
            yield f'<rect class="area {line.tone}" x="{x}" y="{y - 10}" width="18" height="11"/>'
        elif line.shape == "dots":
            yield f'<circle class="dot {line.tone}" cx="{x + 9}" cy="{y - 4}" r="4"/>'
        else:
            kind = "line dashed" if line.dashed else "line"
            yield f'<path class="{kind} {line.tone}" d="M{x} {y - 4}h18"/>'
        yield caption(x + 24, y, line.name)
