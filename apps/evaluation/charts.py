"""Small charts as SVG: lines over axes that may be linear, logarithmic, or logits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["LINEAR", "LOG", "LOGIT", "Axis", "Line", "chart"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 360, 70, 20, 40, 60
_STYLE = (
    ".chart text{font:13px sans-serif;fill:#333}.chart .grid{stroke:#ddd}"
    ".chart rect{fill:none;stroke:#333}.chart path{fill:none;stroke-width:2}"
)

Point = tuple[float, float]
Scale = Callable[[float], float]


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

    `joined`: drawn as a line, else as dots.
    """

    name: str
    colour: str
    points: Sequence[Point]
    ranges: Sequence[Point] = ()
    joined: bool = True


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], *, diagonal: bool = False) -> str:
    """Return an SVG element, to be put into a page; `diagonal` draws where both are equal."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = [
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="22" style="font-weight:bold">{escape(title)}</text>',
    ]
    for value, label in x.ticks:
        at = _x(x, value)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(_text(at, bottom + 18, label, "middle"))
    for value, label in y.ticks:
        at = _y(y, value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(_text(_LEFT - 6, at + 4, label, "end"))
    parts.append(f'<rect x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"/>')
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 14, x.title, "middle"))
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.title)}</text>"
    )
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        parts.append(
            f'<path d="M{_x(x, low)} {_y(y, low)}L{_x(x, high)} {_y(y, high)}" '
            'stroke="#999" stroke-dasharray="5 4"/>'
        )
    for number, line in enumerate(lines):
        parts += _drawn(line, x, y)
        if len(lines) > 1:
            parts.append(_legend(line, number))
    return "\n".join([*parts, "</svg>"])


def _drawn(line: Line, x: Axis, y: Axis) -> list[str]:
    places = [(_x(x, a), _y(y, b)) for a, b in line.points]
    parts = []
    for (at, _), (low, high) in zip(places, line.ranges, strict=False):
        parts.append(f'<path d="M{at} {_y(y, low)}V{_y(y, high)}" stroke="{line.colour}"/>')
    if line.joined and len(places) > 1:
        drawn = "L".join(f"{a} {b}" for a, b in places)
        parts.append(f'<path d="M{drawn}" stroke="{line.colour}"/>')
    else:
        parts += [f'<circle cx="{a}" cy="{b}" r="4" fill="{line.colour}"/>' for a, b in places]
    return parts


def _legend(line: Line, number: int) -> str:
    y = _TOP + 18 + 18 * number
    x = _WIDTH - _RIGHT - 12
    return (
        f'<text x="{x}" y="{y}" text-anchor="end" style="fill:{line.colour}">'
        f"{escape(line.name)}</text>"
    )


def _x(axis: Axis, value: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * axis.share(value), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * axis.share(value), 1)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
