"""Charts of quality as SVG: mistakes over time with their intervals, and reliability."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from apps.quality.figures import Day, Figures, Mistakes, ModelFigures
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
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def charts(found: Figures) -> str:
    """Return one SVG document with three charts, one below the other."""
    panels = (
        _over_time(found.days, "False positives", "honest mail held back or marked", misses=False),
        _over_time(found.days, "Misses", "abuse that reached the inbox", misses=True),
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
    """Places in a chart by shares of its axes, from the lower left corner."""

    top: float = 1.0

    def x(self, share: float) -> float:
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - min(1.0, value / self.top) * (_HEIGHT - _TOP - _BOTTOM)


def _over_time(days: Sequence[Day], title: str, what: str, *, misses: bool) -> Iterator[str]:
    """Yield a point with its interval for each day of which something is known, shares in %."""
    rows = [day.misses if misses else day.false_positives for day in days]
    known = [100 * row.high / row.messages for row in rows if row.messages and row.known]
    frame = _Frame(_round_up(max(known, default=1.0)))
    yield _title(title, f"{what}, in % of such mail, with 95 % intervals")
    yield from _grid(frame, "%")
    step = 1 / max(1, len(rows))
    for number, (day, row) in enumerate(zip(days, rows, strict=True)):
        x = frame.x((number + 0.5) * step)
        if number % max(1, len(rows) // 7) == 0:
            yield _text(x, _HEIGHT - _BOTTOM + 18, f"{day.first:%b %d}", "middle")
        if row.messages and row.known:
            yield from _point(frame, x, row)
        elif row.messages:
            yield _text(x, frame.y(0) - 6, "?", "middle", "soft")
    yield _text(
        _WIDTH / 2, _HEIGHT - 8, "day (?: too few labels to say anything)", "middle", "soft"
    )


def _point(frame: _Frame, x: float, row: Mistakes) -> Iterator[str]:
    likely, low, high = (100 * part / row.messages for part in (row.count, row.low, row.high))
    colour = _COLOURS[0]
    yield (
        f'<path d="M{x:.1f} {frame.y(low):.1f}V{frame.y(high):.1f}" style="stroke:{colour}"'
        f' stroke-opacity="0.45"/>'
    )
    yield (
        f'<circle cx="{x:.1f}" cy="{frame.y(likely):.1f}" r="4" fill="{colour}">'
        f"<title>{row.count:,.0f} of {row.messages:,}, {row.low:,.0f} to {row.high:,.0f}; "
        f"{row.labels} labels</title></circle>"
    )


def _reliability(models: Sequence[ModelFigures]) -> Iterator[str]:
    """Yield, for each source's verdicts, share of abuse against what the score said."""
    frame = _Frame(100.0)
    yield _title("Reliability", "share of abuse among labelled mail by the score it was given")
    yield from _grid(frame, "%")
    yield (
        f'<path d="M{frame.x(0):.1f} {frame.y(0):.1f}L{frame.x(1):.1f} {frame.y(100):.1f}"'
        ' style="stroke:#bbb" stroke-dasharray="4 4"/>'
    )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield _text(frame.x(share), _HEIGHT - _BOTTOM + 18, f"{share:g}", "middle")
    yield _text(_WIDTH / 2, _HEIGHT - 8, "score of the verdict", "middle", "soft")
    shown = [row for row in models if row.model == VERDICT]
    for number, row in enumerate(shown):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(frame.x(bar.said), frame.y(100 * bar.true), bar.labels) for bar in row.bins]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
        yield f'<path d="M{path}" style="stroke:{colour}"/>'
        for x, y, labels in places:
            size = min(9.0, 2.0 + labels**0.5 / 3)
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" '
                f'fill-opacity="0.7"><title>{labels} labels</title></circle>'
            )
        y = _TOP + 20 + 18 * number
        yield f'<circle cx="{_LEFT + 16}" cy="{y - 4}" r="5" fill="{colour}"/>'
        yield _text(_LEFT + 28, y, f"{row.source} ({row.ham + row.abuse:,} labels)", "start")


def _grid(frame: _Frame, unit: str) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for part in range(5):
        value = frame.top * part / 4
        y = frame.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_LEFT - 6, y + 4, f"{value:.3g} {unit}", "end")
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


def _round_up(value: float) -> float:
    """Return the least round number from `value` up: 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0**-3
    while power * 10 < value:
        power *= 10
    return next(power * nice for nice in _NICE if power * nice >= value)
