"""Charts of quality as SVG: mistakes over time with their intervals, and reliability."""

from collections.abc import Iterator, Sequence
from html import escape
from math import log
from typing import Final, NamedTuple

from apps.quality.figures import AUDIT, Day, Figures, Mistakes, ModelFigures
from models.progress import VERDICT

__all__ = ["charts"]

_WIDTH: Final = 640
_HEIGHT: Final = 300
_LEFT: Final = 66
_RIGHT: Final = 20
_TOP: Final = 44
_BOTTOM: Final = 46
_COLOURS: Final = ("#1f5fa8", "#c2571a", "#3a7d44", "#7a4fa3", "#8a6d1f", "#555555")
_STYLE: Final = (
    "text{font:13px sans-serif;fill:#333}.title{font-weight:bold}.soft{fill:#777}"
    "line.grid{stroke:#e4e4e4}path{fill:none;stroke-width:2}rect.frame{fill:none;stroke:#999}"
)
_LEAST: Final = 1e-4
_SHARES: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_QUARTERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def charts(found: Figures) -> str:
    """Return one SVG document with three charts, one below the other."""
    panels = (
        _over_time(found.days, "False positives", "share of all honest mail", misses=False),
        _over_time(found.days, "Misses", "share of all abuse that reached the inbox", misses=True),
        _reliability(found.models),
    )
    height = _HEIGHT * len(panels)
    drawn = "\n".join(
        f'<g transform="translate(0 {_HEIGHT * number})">\n{chr(10).join(panel)}\n</g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n{drawn}\n</svg>\n'
    )


class _Frame(NamedTuple):
    """Places in a chart: x by shares of its width, y by values from the axis' lower end to 1.

    With `least` above 0 the vertical axis is logarithmic from there on, and `least` stands for 0.
    """

    least: float = 0.0

    def x(self, share: float) -> float:
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        part = value
        if self.least:
            part = 1 - log(max(value, self.least)) / log(self.least)
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM)


def _over_time(days: Sequence[Day], title: str, what: str, *, misses: bool) -> Iterator[str]:
    """Yield a point with its interval for each time of which something is known."""
    rows = [day.misses if misses else day.false_positives for day in days]
    frame = _Frame(_LEAST)
    yield _title(title, f"{what}, with 95 % intervals")
    yield from _grid(frame, _SHARES)
    for number, (day, row) in enumerate(zip(days, rows, strict=True)):
        x = frame.x((number + 0.5) / len(rows))
        if number % max(1, len(rows) // 7) == 0:
            yield _text(x, _HEIGHT - _BOTTOM + 18, _dates(day), "middle")
        if row.messages and row.known:
            yield from _point(frame, x, row)
        elif row.messages:
            yield _text(x, frame.y(0) - 6, "?", "middle", "soft")
    said = "?: too few labels to say anything; a ring: none found"
    yield _text(_WIDTH / 2, _HEIGHT - 8, said, "middle", "soft")


def _dates(day: Day) -> str:
    first = f"{day.first:%b %d}"
    if day.first == day.last:
        return first
    last = f"{day.last:%d}" if day.first.month == day.last.month else f"{day.last:%b %d}"
    return f"{first}-{last}"


def _point(frame: _Frame, x: float, row: Mistakes) -> Iterator[str]:
    likely, low, high = row.rates or (0.0, 0.0, 1.0)
    yield (
        f'<path d="M{x:.1f} {frame.y(low):.1f}V{frame.y(high):.1f}" style="stroke:{_COLOURS[0]}"'
        f' stroke-opacity="0.45"/>'
    )
    filled = _COLOURS[0] if likely else "#fff"
    yield (
        f'<circle cx="{x:.1f}" cy="{frame.y(likely):.1f}" r="4" fill="{filled}" '
        f'stroke="{_COLOURS[0]}" stroke-width="2"><title>{row.count:,.0f} of {row.messages:,}, '
        f"{row.low:,.0f} to {row.high:,.0f}; {row.labels} labels</title></circle>"
    )


def _reliability(models: Sequence[ModelFigures]) -> Iterator[str]:
    """Yield share of abuse against what the score said, of the whole and of each model."""
    frame = _Frame()
    yield _title("Reliability", "share of abuse by the score that was given, all mail")
    yield from _grid(frame, _QUARTERS)
    yield (
        f'<path d="M{frame.x(0):.1f} {frame.y(0):.1f}L{frame.x(1):.1f} {frame.y(1):.1f}"'
        ' style="stroke:#bbb" stroke-dasharray="4 4"/>'
    )
    for share in _QUARTERS:
        yield _text(frame.x(share), _HEIGHT - _BOTTOM + 18, f"{share:.0%}", "middle")
    yield _text(_WIDTH / 2, _HEIGHT - 8, "score that was given", "middle", "soft")
    shown = sorted(
        (row for row in models if row.source == AUDIT), key=lambda row: row.model != VERDICT
    )
    for number, row in enumerate(shown[: len(_COLOURS)]):
        colour = _COLOURS[number]
        places = [(frame.x(bar.said), frame.y(bar.true), bar.labels) for bar in row.bins]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
        thick = 2 if row.model == VERDICT else 1
        yield f'<path d="M{path}" style="stroke:{colour};stroke-width:{thick}"/>'
        if row.model == VERDICT:
            yield from _dots(places, colour)
        y = _TOP + 20 + 18 * number
        yield f'<circle cx="{_LEFT + 16}" cy="{y - 4}" r="5" fill="{colour}"/>'
        yield _text(_LEFT + 28, y, f"{row.model} ({row.ham + row.abuse:,} labels)", "start")
    if not shown:
        yield _text(_WIDTH / 2, frame.y(0.5), "no labels of the audit yet", "middle", "soft")


def _dots(places: Sequence[tuple[float, float, int]], colour: str) -> Iterator[str]:
    for x, y, labels in places:
        size = min(9.0, 2.0 + labels**0.5 / 3)
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" '
            f'fill-opacity="0.7"><title>{labels} labels</title></circle>'
        )


def _grid(frame: _Frame, values: Sequence[float]) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for value in values:
        y = frame.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_LEFT - 6, y + 4, f"{100 * value:g} %", "end")
    height = _HEIGHT - _TOP - _BOTTOM
    yield f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{height}"/>'


def _title(title: str, what: str) -> str:
    return (
        f'<text x="{_LEFT}" y="28"><tspan class="title">{escape(title)}</tspan>'
        f'<tspan class="soft" dx="10">{escape(what)}</tspan></text>'
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
