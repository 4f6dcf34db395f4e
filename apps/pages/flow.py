"""What moved from where to where, as ribbons whose width is how much: a Sankey diagram.

What stayed isn't drawn: it is nearly all of it, and would leave a hair's breadth for the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from apps.pages.chart import caption, opening

__all__ = ["flow_chart"]

_WIDTH, _LEFT, _RIGHT, _NODE = 550, 160, 390, 10
_TOP, _RIBBONS, _LEAST, _ROOM, _GAP = 62, 200.0, 2.0, 42.0, 10.0


def flow_chart(
    title: str, heads: tuple[str, str], names: Sequence[str], moved: Mapping[tuple[str, str], int]
) -> str:
    """Return an SVG element, "" where nothing moved.

    Args:
        title: what stands above it.
        heads: what the left side is, and the right.
        names: the places, the mildest first: what goes up is red, what goes down blue.
        moved: how many went from one name to another; what stayed is passed over.
    """
    flows = {pair: count for pair, count in moved.items() if count > 0 and pair[0] != pair[1]}
    if not flows:
        return ""
    total = sum(flows.values())
    wide = {pair: max(_LEAST, _RIBBONS * count / total) for pair, count in flows.items()}
    order = {name: place for place, name in enumerate(names)}
    sides = [
        _Side(wide, side, sorted({pair[side] for pair in flows}, key=order.__getitem__))
        for side in (0, 1)
    ]
    height = round(max(side.bottom for side in sides)) + 14
    parts = [opening(title, _WIDTH, height)]
    parts += [
        caption(_LEFT, _TOP - 16, f"{heads[0]}:", "end", "soft"),
        caption(_RIGHT, _TOP - 16, f"{heads[1]}:", "start", "soft"),
    ]
    for pair in sorted(flows, key=lambda pair: (order[pair[0]], order[pair[1]])):
        tone = "red" if order[pair[1]] > order[pair[0]] else "blue"
        parts += _ribbon(
            sides[0].taken(pair),
            sides[1].taken(pair),
            wide[pair],
            tone,
            f"{flows[pair]:,} from {pair[0]} to {pair[1]}",
        )
    for side in (0, 1):
        parts += _nodes(sides[side], side, flows)
    return "\n".join([*parts, "</svg>"])


class _Side:
    """The nodes of one side, from the top down, and how much of each is taken by ribbons."""

    def __init__(self, wide: Mapping[tuple[str, str], float], side: int, names: list[str]) -> None:
        self.nodes: dict[str, tuple[float, float]] = {}
        self._side = side
        at = float(_TOP)
        for name in names:
            height = sum(width for pair, width in wide.items() if pair[side] == name)
            self.nodes[name] = (at, height)
            at += max(height, _ROOM) + _GAP
        self.bottom = at
        self._next = {name: top for name, (top, _) in self.nodes.items()}
        self._wide = wide

    def taken(self, pair: tuple[str, str]) -> float:
        """Return where a flow begins or ends, and take its width."""
        name = pair[self._side]
        at = self._next[name]
        self._next[name] += self._wide[pair]
        return at


def _ribbon(start: float, end: float, width: float, tone: str, said: str) -> Iterator[str]:
    left, right = _LEFT + 8 + _NODE, _RIGHT - 8 - _NODE
    middle = (left + right) / 2
    down, up = start + width, end + width
    yield (
        f'<path class="ribbon {tone}" d="M{left} {start:.1f}C{middle} {start:.1f} {middle} '
        f"{end:.1f} {right} {end:.1f}V{up:.1f}C{middle} {up:.1f} {middle} {down:.1f} "
        f'{left} {down:.1f}Z"><title>{escape(said)}</title></path>'
    )


def _nodes(side: _Side, number: int, flows: Mapping[tuple[str, str], int]) -> Iterator[str]:
    bar, at, anchor = ((_LEFT + 8, _LEFT, "end"), (_RIGHT - 8 - _NODE, _RIGHT, "start"))[number]
    for name, (top, height) in side.nodes.items():
        count = sum(count for pair, count in flows.items() if pair[number] == name)
        yield (
            f'<rect class="node grey" x="{bar}" y="{top:.1f}" width="{_NODE}" '
            f'height="{height:.1f}"/>'
        )
        yield caption(at, top + 14, name, anchor)
        yield caption(at, top + 33, f"{count:,}", anchor, "soft")
