"""The messages whose action changes, the gravest first, with what moved for each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from apps.pages.frame import action_word, shown
from apps.pages.table import Cell, Column, table
from apps.replay.comparison import Change, Comparison, Moved, Threshold
from detectors.actions import MICRO

__all__ = ["changed_messages"]

_COLUMNS: Final = (
    Column("message"),
    Column("from"),
    Column("action"),
    Column("score"),
    Column("what moved"),
)
_LONGEST: Final = 200
_MOST_MOVED: Final = 6
_NEAR: Final = 0.001
_ARROW: Final = "\N{RIGHTWARDS ARROW}"


def changed_messages(found: Comparison) -> Iterator[str]:
    """Yield a table a consequence, in the order given, which is from the gravest down."""
    counts = Counter(change.consequence for change in found.changes)
    if len(found.changes) < found.changed:
        yield (
            f'<p class="note">The gravest {len(found.changes):,} of {found.changed:,} are kept.</p>'
        )
    for consequence, changes in groupby(found.changes, key=lambda change: change.consequence):
        yield f"<h3>{shown(consequence)} ({counts[consequence]:,})</h3>"
        yield from table(_COLUMNS, (_row(change) for change in changes), kind="cards full changes")


def _row(change: Change) -> Sequence[str | Cell]:
    received = f"{change.received_at:%Y-%m-%d %H:%M}"
    tenant = "" if change.tenant == "default" else f", tenant <bdi>{shown(change.tenant, 60)}</bdi>"
    said = f"<br>labelled {change.truth} by {shown(change.said_by)}" if change.truth else ""
    known = "<br>writes with our user" if change.known_correspondent else ""
    class_ = (
        shown(change.class_after)
        if change.class_before == change.class_after
        else f"{shown(change.class_before)} {_ARROW} {shown(change.class_after)}"
    )
    return (
        f"<code>{shown(change.id, 80)}</code><br>{received} UTC, {shown(change.direction)}{tenant}",
        f"<bdi>{shown(change.from_domain, 120) or '(none)'}</bdi>{said}{known}",
        f"{action_word(change.before)} {_ARROW} {action_word(change.after)}",
        f"{_scores(change)}<br>{class_}",
        f"<ul>{''.join(f'<li>{line}</li>' for line in _reasons(change))}</ul>",
    )


def _reasons(change: Change) -> Iterator[str]:
    """Yield what moved, as HTML: overrides decide, so they come first."""
    yield from (f"now <code>{shown(name, _LONGEST)}</code>" for name in change.gained)
    yield from (f"no longer <code>{shown(name, _LONGEST)}</code>" for name in change.lost)
    yield from map(_threshold, change.thresholds)
    yield from map(_moved, change.moved[:_MOST_MOVED])
    if len(change.moved) > _MOST_MOVED:
        yield f"and {len(change.moved) - _MOST_MOVED} more signals"


def _threshold(threshold: Threshold) -> str:
    before, after = (
        "never" if score is None else f"{score:g}" for score in (threshold.before, threshold.after)
    )
    return f"{action_word(threshold.action)} from {before} {_ARROW} {after}"


def _moved(moved: Moved) -> str:
    before, after = (
        "silent" if value is None else f"{value / MICRO:+.2f}"
        for value in (moved.before, moved.after)
    )
    rise = (moved.after or 0) - (moved.before or 0)
    tone = "harsher" if rise > 0 else "milder"
    return (
        f"<code>{shown(moved.name, _LONGEST)}</code> "
        f'<span class="{tone}">{before} {_ARROW} {after}</span>'
    )


def _scores(change: Change) -> str:
    before, after = _score(change.score_before), _score(change.score_after)
    return before if change.score_before == change.score_after else f"{before} {_ARROW} {after}"


def _score(score: float | None) -> str:
    """Return a score so that what is near 0 and 1 can still be told apart."""
    if score is None:
        return "none"
    near = min(score, 1 - score) < _NEAR
    return f"{score:.6f}".rstrip("0").rstrip(".") if near else f"{score:.3f}"
