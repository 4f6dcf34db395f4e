"""The ROC curve near the threshold as an SVG file: both axes logarithmic, since both are small."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from apps.evaluation.figures import Point

__all__ = ["svg"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 480, 70, 40, 60
_LABELS = {1e-5: "0.001", 1e-4: "0.01", 1e-3: "0.1", 1e-2: "1", 1e-1: "10", 1.0: "100"}
_XMLNS = "http://www.w3.org/2000/svg"
_STYLE = (
    ".roc text{font:13px sans-serif;fill:#333}.roc line{stroke:#ddd}"
    ".roc path{fill:none;stroke:#1f5fa8;stroke-width:2}.roc rect{fill:none;stroke:#333}"
)


def svg(points: Sequence[Point], title: str, ham: int, spam: int) -> str:
    """Return the curve as an SVG document, ham misjudged against spam missed, in %.

    Args:
        points: corners of the curve, from the highest threshold down.
        title: what stands above it.
        ham: how much ham there is: half a message is where the axis begins, and stands for none.
        spam: how much spam, for the other axis.
    """
    axes = _Axes(0.5 / ham, 0.5 / spam)
    return "\n".join(
        (
            f'<svg class="roc" xmlns="{_XMLNS}" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" style="fill:#fff;stroke:none"/>',
            f'<text x="{_LEFT}" y="24" style="font-weight:bold">{escape(title)}</text>',
            *axes.grid(),
            f'<path d="{axes.path(points)}"/>',
            _caption(f'x="{_WIDTH // 2}" y="{_HEIGHT - 15}"', f"% of {ham:,} ham misjudged"),
            _caption(
                f'transform="translate(18 {_HEIGHT // 2}) rotate(-90)"',
                f"% of {spam:,} spam missed",
            ),
            "</svg>\n",
        )
    )


def _caption(place: str, text: str) -> str:
    return f'<text {place} text-anchor="middle">{text}</text>'


class _Axes:
    """Places on the drawing, from the least share that either axis can show up to all."""

    def __init__(self, least_x: float, least_y: float) -> None:
        self._least_x, self._least_y = least_x, least_y

    def x(self, share: float) -> float:
        width = _WIDTH - _LEFT - 20
        return _LEFT + width * (1 - _depth(share, self._least_x))

    def y(self, share: float) -> float:
        height = _HEIGHT - _TOP - _BOTTOM
        return _TOP + height * _depth(share, self._least_y)

    def path(self, points: Sequence[Point]) -> str:
        """Return the curve as a staircase: between two corners no threshold lies."""
        parts: list[str] = []
        for point in points:
            x, y = self.x(point.ham_misjudged), self.y(point.spam_missed)
            parts.append(f"H{x:.1f}V{y:.1f}" if parts else f"M{x:.1f} {y:.1f}")
        return "".join(parts)

    def grid(self) -> Iterator[str]:
        """Yield a line and a label at each power of ten."""
        right, bottom = _WIDTH - 20, _HEIGHT - _BOTTOM
        for share, label in _LABELS.items():
            if share >= self._least_x:
                x = self.x(share)
                yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
                yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
            if share >= self._least_y:
                y = self.y(share)
                yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'


def _depth(share: float, least: float) -> float:
    """Return 0 for all, 1 for the least share that is shown, by logarithm."""
    return math.log(max(share, least)) / math.log(least)
