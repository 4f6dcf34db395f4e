"""The figures of a comparison as tables: actions, labels, tenants and domains, what wasn't told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from apps.pages.frame import action_word, shown
from apps.pages.table import Cell, Column, table
from apps.replay.comparison import Comparison, Effect, Flow, Range, Share, Slice
from detectors.actions import ACTIONS

__all__ = ["effect_table", "flow_matrix", "shadow_table", "slice_table", "untold_table"]

_LONGEST: Final = 100  # columns of a name


def flow_matrix(found: Comparison) -> Iterator[str]:
    """Yield the actions before against those after: what stayed lies on the diagonal."""
    flows: Sequence[Flow] = found.flows
    counts = {(flow.before, flow.after): flow.messages for flow in flows if flow.messages}
    present = [name for name in ACTIONS if any(name in pair for pair in counts)]
    heads = [Column(f"{found.before} \N{RIGHTWARDS ARROW} {found.after}")]
    heads += [Column(name, numeric=True) for name in (*present, "in all")]
    rows: list[list[str | Cell]] = []
    for row, before in enumerate(present):
        cells: list[str | Cell] = [action_word(before)]
        for column, after in enumerate(present):
            count = counts.get((before, after), 0)
            kind = "same" if row == column else "harsher" if column > row else "milder"
            cells.append(Cell(f"{count:,}", kind if count or row == column else "zero"))
        cells.append(f"{sum(n for (name, _), n in counts.items() if name == before):,}")
        rows.append(cells)
    sums = [sum(n for (_, name), n in counts.items() if name == after) for after in present]
    rows.append(["in all", *(f"{number:,}" for number in (*sums, sum(sums)))])
    caption = "Rows: what the first run did. Columns: what the second does."
    yield from table(heads, rows, caption=caption)


def effect_table(effects: Sequence[Effect], before: str, after: str) -> Iterator[str]:
    """Yield what labels say of both runs, with 95 % intervals, and whether that is luck."""
    columns = [
        Column("by labels"),
        Column(before, numeric=True),
        Column(after, numeric=True),
        Column("difference", numeric=True),
        Column("so it is"),
    ]
    rows = [
        [
            shown(effect.what),
            _counted(effect.before),
            _counted(effect.after),
            _differing(effect.difference),
            _judged(effect),
        ]
        for effect in effects
    ]
    caption = "Shares in %, differences in percentage points, each with its 95 % interval."
    yield from table(columns, rows, caption=caption, kind="cards")


def slice_table(head: str, slices: Sequence[Slice], most: int = 30) -> Iterator[str]:
    """Yield tenants or domains with what changes for them; `slices` in their order, `most` shown.

    Columns about labels are left out where no slice has any.
    """
    labelled = any(
        it.ham_stopped_before
        or it.ham_stopped_after
        or it.abuse_through_before
        or it.abuse_through_after
        for it in slices
    )
    columns = [Column(head), Column("messages", numeric=True), Column("changed", numeric=True)]
    columns += [Column("harsher", numeric=True), Column("milder", numeric=True)]
    if labelled:
        columns += [Column("ham stopped", numeric=True), Column("abuse let through", numeric=True)]
    rows: list[list[str | Cell]] = []
    for it in slices[:most]:
        row: list[str | Cell] = [
            f"<bdi>{shown(it.name, _LONGEST) or '(none)'}</bdi>",
            f"{it.messages:,}",
            f"{it.changed:,}",
            Cell(f"{it.harsher:,}", "harsher" if it.harsher else "zero"),
            Cell(f"{it.milder:,}", "milder" if it.milder else "zero"),
        ]
        if labelled:
            row += [
                _turned(it.ham_stopped_before, it.ham_stopped_after),
                _turned(it.abuse_through_before, it.abuse_through_after),
            ]
        rows.append(row)
    yield from table(columns, rows)
    if len(slices) > most:
        yield f'<p class="note">and {len(slices) - most:,} more.</p>'


def shadow_table(shadow: Mapping[str, int]) -> Iterator[str]:
    """Yield how many messages each part in shadow mode would have hit, the most first."""
    ordered = sorted(shadow.items(), key=lambda item: (-item[1], item[0]))
    rows = [[f"<code>{shown(name, _LONGEST)}</code>", f"{count:,}"] for name, count in ordered]
    yield from table([Column("rule, signal or action"), Column("messages", numeric=True)], rows)


def untold_table(found: Comparison) -> Iterator[str]:
    """Yield what was missing, and of how many messages nothing can be said for that."""
    rows = [[shown(it.what, 300), f"{it.messages:,}"] for it in found.untold]
    yield from table([Column("what was missing"), Column("messages", numeric=True)], rows)


def _counted(share: Share) -> str:
    if share.share is None:
        return "-"
    interval = f"{100 * share.low:.2f} to {100 * share.high:.2f}"
    return f"{100 * share.share:.2f} ({share.hits:,} of {share.total:,})<br>{interval}"


def _differing(difference: Range | None) -> str:
    if difference is None:
        return "-"
    value, low, high = (_points(it) for it in (difference.value, difference.low, difference.high))
    return f"{value}<br>{low} to {high}"


def _points(share: float) -> str:
    """Return percentage points with their sign; what rounds to none has no minus."""
    return f"{round(100 * share, 2) + 0.0:+.2f}"


def _judged(effect: Effect) -> str | Cell:
    difference = effect.difference
    if difference is None:
        return "no labels"
    if difference.low <= 0 <= difference.high:
        return "may be chance" if difference.value else "no difference"
    worse = (difference.value > 0) == effect.less_is_better
    return Cell("worse", "harsher") if worse else Cell("better", "milder")


def _turned(before: int, after: int) -> str | Cell:
    if before == after:
        return Cell(f"{before:,}", "zero" if not before else "")
    return f"{before:,} \N{RIGHTWARDS ARROW} {after:,}"
