"""A comparison as a person reads it in a terminal; what mail wrote in it is cleaned."""

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Final

import click

from apps.cli.rendering import COLOURS, clean
from apps.replay.comparison import Change, Comparison, Effect, Slice
from detectors.actions import ACTIONS, MICRO, Action

__all__ = ["as_text", "differences"]

_DOMAINS: Final = 10
_WIDTH: Final = 15


def as_text(found: Comparison, top: int = 20) -> Iterator[str]:
    """Yield the lines of a comparison; `top` is how many changes are told, siblings as one."""
    yield from (f"what if: {clean(line, 300)}" for line in found.asked)
    yield from differences(found, top)
    yield ""
    yield from _totals(found)


def differences(found: Comparison, top: int = 20) -> Iterator[str]:
    """Yield what differs: messages, flows, effects, tenants and domains, without the totals."""
    yield from _changes(found, top)
    if found.changed:
        yield ""
        yield from _matrix(found)
    if found.effects:
        yield ""
        yield (
            f"against labels ({found.labelled_ham:,} ham, {found.labelled_abuse:,} abuse; "
            "95 % intervals):"
        )
        yield from (f"  {line}" for effect in found.effects for line in _effect(effect))
    for title, slices in (("tenants", found.tenants), ("sender domains", found.domains)):
        yield from _slices(title, slices)
    if found.shadow:
        yield ""
        yield "in shadow, and would have hit:"
        yield from (f"  {count:>8,}  {clean(name)}" for name, count in found.shadow.items())


def _changes(found: Comparison, top: int) -> Iterator[str]:
    if found.changes and top:
        yield ""
        yield "changed messages, the gravest first:"
    told = 0
    for _, group in islice(groupby(found.changes, _alike), top):
        first, *others = group
        told += 1 + len(others)
        yield from _change(first)
        if others:
            scores = [
                each.score_before for each in (first, *others) if each.score_before is not None
            ]
            span = f", scores {min(scores):.3f} to {max(scores):.3f}" if scores else ""
            yield click.style(f"    and {len(others):,} more of this domain alike{span}", dim=True)
    rest = found.changed - told
    if found.changes and rest:
        yield f"... and {rest:,} more whose action changes"


def _alike(change: Change) -> tuple[object, ...]:
    """Return what siblings have in common: a campaign is one line, and hides nothing below it."""
    names = tuple(moved.name for moved in change.moved)
    said = (change.before, change.after, change.consequence, change.from_domain)
    why = (change.gained, change.lost, names, change.thresholds)
    return (*said, change.truth, change.said_by, *why)


def _change(change: Change) -> Iterator[str]:
    scores = f"{_score(change.score_before)} -> {_score(change.score_after)}"
    who = clean(change.from_domain, 60) or "(no domain)"
    said = f", labelled {change.truth} by {change.said_by}" if change.truth else ""
    consequence = click.style(change.consequence, bold=True)
    yield (
        f"{_action(change.before)} -> {_action(change.after)}  {scores}  {consequence}  "
        f"{who}{said}  {clean(change.id, 64)}"
    )
    for why in _why(change):
        yield click.style(f"    {why}", dim=True)


def _why(change: Change) -> Iterator[str]:
    yield from (f"{clean(name, 120)}" for name in change.gained)
    yield from (f"no longer {clean(name, 120)}" for name in change.lost)
    for moved in change.moved[:3]:
        first, last = ((value or 0) / MICRO for value in (moved.before, moved.after))
        yield f"{clean(moved.name, 60)}: {first:+.2f} -> {last:+.2f}"
    for threshold in change.thresholds:
        was, now = (
            "never" if score is None else f"{score:g}"
            for score in (threshold.before, threshold.after)
        )
        yield f"{threshold.action} from {was} -> {now}"


def _matrix(found: Comparison) -> Iterator[str]:
    """Yield the flows as a table: a row an action before, a column an action after."""
    flows = {(flow.before, flow.after): flow.messages for flow in found.flows}
    used = [action for action in ACTIONS if any(action in pair for pair in flows)]
    yield f"from {found.before} (rows) to {found.after} (columns):"
    yield " " * (_WIDTH + 3) + " ".join(f"{action:>{_WIDTH}}" for action in used)
    for was in used:
        cells = []
        for now in used:
            count = flows.get((was, now), 0)
            text = f"{count:>{_WIDTH},}" if count else f"{'.':>{_WIDTH}}"
            cells.append(click.style(text, bold=True) if count and was != now else text)
        yield f"  {was:<{_WIDTH}} " + " ".join(cells)


def _effect(effect: Effect) -> Iterator[str]:
    before, after, difference = effect.before, effect.after, effect.difference
    if before.share is None or after.share is None or difference is None:
        return
    spread = f"{_percent(difference.low, sign=True)} to {_percent(difference.high, sign=True)}"
    yield (
        f"{effect.what:<32} {before.hits:,} -> {after.hits:,} of {after.total:,}  "
        f"{_percent(before.share)} -> {_percent(after.share)}  ({spread})"
    )


def _slices(title: str, slices: tuple[Slice, ...]) -> Iterator[str]:
    changed = [it for it in slices if it.changed]
    if not changed or (title == "tenants" and len(slices) == 1):
        return
    yield ""
    yield f"{title} with the most changes (messages, harsher, milder):"
    for each in changed[:_DOMAINS]:
        name = clean(each.name, 60) or "(none)"
        yield f"  {each.messages:>8,} {each.harsher:>8,} {each.milder:>8,}  {name}"


def _totals(found: Comparison) -> Iterator[str]:
    when = (
        ""
        if found.since is None or found.until is None
        else f", received {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    )
    yield f"{found.messages:,} verdicts, {found.compared:,} compared{when}:"
    yield (
        f"  {found.changed:,} with another action ({found.harsher:,} harsher, {found.milder:,} "
        f"milder), {found.scores_changed:,} with another score"
    )
    if found.by_mail:
        yield f"  {found.by_mail:,} had to be judged from the mail itself"
    if found.other_engine:
        yield (
            f"  {found.other_engine:,} were judged by another release, weights or limits: some of "
            "what differs may be theirs"
        )
    for what, given in (("can't be told", found.untold), ("couldn't be read", found.unread)):
        lack = ", missing: " if given is found.untold else ": "
        yield from (f"  {it.messages:,} {what}{lack}{clean(it.what, 300)}" for it in given)
    yield f"digest {found.digest_after} (before: {found.digest_before})"
    if found.interrupted:
        yield "stopped before the end: this is what was done until then"


def _score(score: float | None) -> str:
    return "no score" if score is None else f"{score:.3f}"


def _percent(share: float, *, sign: bool = False) -> str:
    return f"{100 * share:+.2f} %" if sign else f"{100 * share:.2f} %"


def _action(action: Action) -> str:
    return click.style(action, fg=COLOURS.get(action, "white"), bold=True)
