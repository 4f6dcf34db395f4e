"""An explanation as a page for a person: how the action came about, what spoke, what didn't."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps.cli.rendering import COLOURS, Shown, clean, plain_score
from detectors.explaining import restricted
from detectors.explanation import Explanation, GroupSum, Step, Tried
from detectors.margins import LEARNED
from detectors.verdict import MICRO, Verdict

__all__ = ["action_text", "columns", "number", "page", "paged", "told"]

_WIDEST = 100
_KINDS = {"abuse_report": "in a report", "bounce": "in a bounce", "invitation": "an invitation"}
_PADDING = re.compile(r"(?: |\x1b\[[0-9;]*m)+$")  # a table fills its last column up
_RANKS = {2: "half: 2nd of group", 4: "quarter: 3rd or later"}


def page(shown: Shown, explanation: Explanation, width: int, only: Collection[str] = ()) -> str:
    """Return the page with ANSI colours, at most `width` columns wide.

    With `only`, names of signals and groups, it has those alone, each in full.
    """
    parts = _of_signals(explanation, only) if only else _whole(explanation)
    return paged(_head(shown), parts, width)


def paged(head: RenderableType, parts: Iterable[tuple[str, RenderableType]], width: int) -> str:
    """Return parts below their titles, with ANSI colours, at most `width` columns wide."""
    console = Console(
        width=min(width, _WIDEST), force_terminal=True, color_system="standard", highlight=False
    )
    with console.capture() as captured:
        console.print(head)
        for title, body in parts:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(Padding(body, (0, 0, 0, 1)))
    lines = captured.get().splitlines()
    return "\n".join(_PADDING.sub(lambda end: end[0].replace(" ", ""), line) for line in lines)


def _head(shown: Shown) -> RenderableType:
    verdict = shown.verdict
    lines = [Text(clean(shown.name), style="bold")] if shown.name else []
    total = "" if verdict.logit is None else f"  sum {verdict.logit / MICRO:+.2f}"
    judged = action_text(verdict.action)
    judged.append(f"  {verdict.class_}  score {plain_score(verdict)}{total}", style="not bold")
    lines += [
        judged,
        Text(f"  From     {clean(shown.sender, 140) or '(none)'}"),
        Text(f"  Subject  {clean(shown.subject, 140) or '(none)'}"),
    ]
    lines += [
        Text(f"  {what}: {', '.join(clean(name) for name in names)}", style="yellow")
        for what, names in (("Done without", verdict.degraded), ("Odd", verdict.flags))
        if names
    ]
    return Group(*lines)


def _whole(explanation: Explanation) -> Iterator[tuple[str, RenderableType]]:
    yield from told(explanation)
    if explanation.verdict.logit is None:
        return
    silent = [t for t in explanation.signals if not (t.found or t.unheard)]
    yield f"Tried, and found nothing ({len(silent)}), with their weights", _silent(silent)


def told(explanation: Explanation) -> Iterator[tuple[str, RenderableType]]:
    """Yield title and body of all that there is to tell but the signals that found nothing."""
    yield "How the action came about", _steps(explanation)
    if explanation.verdict.logit is None:
        return
    yield "What was found, in logits (log-odds of abuse)", _found(explanation)
    held = [t for t in explanation.signals if t.found and t.mode != "live"]
    if held or any(rule.mode != "live" for rule in explanation.rules):
        yield "Held back: what shadow and draft would do", _held(explanation, held)
    unheard = [tried for tried in explanation.signals if tried.unheard]
    if unheard:
        yield "What couldn't speak", _unheard(unheard)


def columns(*ratios: int) -> Table:
    """Return a table without lines: a column for each ratio, 0 for one that isn't wrapped."""
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    for ratio in ratios:
        if ratio:
            made.add_column(ratio=ratio, overflow="fold")
        else:
            made.add_column(no_wrap=True)
    return made


def _steps(explanation: Explanation) -> Table:
    table = columns(0, 0, 1)
    for step in explanation.steps:
        table.add_row(clean(step.by), action_text(step.action), _why(step, explanation.verdict))
    return table


def _why(step: Step, verdict: Verdict) -> Text:
    why = Text(clean(step.why))
    if step.by == "score" and verdict.thresholds:
        others = (f"{action} {score:g}" for action, score in verdict.thresholds.items())
        why.append(f" ({', '.join(others)})", style="dim")
    return why


def _found(explanation: Explanation) -> Table:
    """Return a row a group that said something, and below it one a signal of it that counts."""
    table = columns(0, 0, 1)
    for group in sorted(explanation.groups, key=lambda group: -(group.against + group.in_favour)):
        members = [t for t in explanation.signals if t.group == group.name and _counts(t)]
        table.add_row(
            number(group.against + group.in_favour, "bold"),
            Text("models" if group.name == LEARNED else clean(group.name), style="bold"),
            Text(_of_group(group, capped=any(t.capped for t in members)), style="dim"),
        )
        said: set[str] = set()
        for tried in sorted(members, key=lambda tried: -abs(tried.contribution)):
            table.add_row(number(tried.contribution), _weight(tried), _reason(tried, said))
            said.add(tried.reason)
    bias = explanation.verdict.bias
    table.add_row(number(bias, "bold"), Text("bias", style="bold"), "where every message starts")
    table.add_row(
        number(bias + sum(t.contribution for t in explanation.signals), "bold"), "", "sum"
    )
    return table


def _counts(tried: Tried) -> bool:
    silent = tried.group == LEARNED and not (tried.contribution or tried.reason)
    return tried.found and tried.mode == "live" and not silent


def _of_group(group: GroupSum, *, capped: bool) -> str:
    notes = []
    if group.against:
        few = "" if group.speaks else "too little or too weak to be "
        notes.append(f"{few}a group against it")
    if capped and group.cap is not None:
        notes.append(f"held to its cap of {group.cap / MICRO:.2f}")
    return ", ".join(notes)


def _reason(tried: Tried, said: Collection[str] = ()) -> Text:
    reason = "the same once more" if tried.reason in said else clean(tried.reason, 300)
    # What the reason says already isn't said again.
    inputs = [
        f"{clean(key)}={clean(str(value), 60)}"
        for key, value in tried.inputs.items()
        if value != "" and str(value) not in tried.reason
    ]
    return Text(reason).append(f" ({'; '.join((tried.name, *inputs))})", style="dim")


def _weight(tried: Tried) -> Text:
    """Say how a contribution came of the weight: the strength, the rank, the cap."""
    if tried.group == LEARNED:
        said = f"{tried.weight.in_force:.2f} x margin {tried.strength:.2f}"
    else:
        said = f"{tried.weight.in_force:.2f}"
        if tried.strength is not None and tried.strength < 1:
            said += f" x {tried.strength:.2f}"
    notes = [_RANKS[tried.divided_by]] if tried.full and tried.divided_by in _RANKS else []
    notes += [_KINDS.get(tried.kind, tried.kind)] * bool(tried.kind)
    if tried.weight.origin != "shipped":
        notes.append(_origin(tried))
    return Text("\n".join((said, *notes)))


def _origin(tried: Tried) -> str:
    if tried.weight.policy is not None:
        return f"policy {tried.weight.policy:g}, shipped {tried.weight.shipped:g}"
    return f"learned, shipped {tried.weight.shipped:g}"


def _held(explanation: Explanation, held: Iterable[Tried]) -> RenderableType:
    table = columns(0, 0, 1)
    for tried in held:
        would = tried.would or 0
        table.add_row(number(would), Text(tried.mode, style="cyan"), _reason(tried))
    for rule in explanation.rules:
        if rule.mode != "live":
            said = "failed" if rule.matched is None else "matches" if rule.matched else "no match"
            what = Text(f"rule {clean(rule.name)}: {said}")
            if rule.matched:
                what.append(", would ").append(action_text(rule.action))
            table.add_row("", Text(rule.mode, style="cyan"), what)
    if explanation.rehearsal is None:
        return table
    would_be = explanation.rehearsal
    end = Text("Were all of it live: ").append(action_text(would_be.action))
    end.append(f", score {would_be.score:.3f}, sum {would_be.logit / MICRO:+.2f}")
    return Group(table, end)


def _unheard(unheard: Iterable[Tried]) -> Table:
    table = columns(2, 3)
    by_reason: dict[str, list[Tried]] = defaultdict(list)
    for tried in unheard:
        by_reason[tried.unheard].append(tried)
    for why, members in by_reason.items():
        table.add_row(why, Text(", ".join(tried.name for tried in members), style="dim"))
    return table


def _silent(silent: Iterable[Tried]) -> Table:
    table = columns(0, 1)
    by_group: dict[str, list[Tried]] = defaultdict(list)
    for tried in silent:
        by_group[tried.group].append(tried)
    for group, members in by_group.items():
        names = ", ".join(
            f"{tried.name}={tried.weight.in_force:.2g}"
            + (f" ({tried.mode})" if tried.mode != "live" else "")
            + (" (policy)" if tried.weight.origin == "policy" else "")
            for tried in members
        )
        table.add_row(Text(group), Text(names, style="dim"))
    return table


def _of_signals(
    explanation: Explanation, only: Collection[str]
) -> Iterator[tuple[str, RenderableType]]:
    """Yield each wanted signal with all that there is to say of it."""
    for tried in restricted(explanation, only).signals:
        table = columns(0, 1)
        table.add_row("looks for", clean(tried.what))
        table.add_row("speaks for", f"{tried.speaks_for}, in the group {tried.group}")
        table.add_row("mode", tried.mode)
        table.add_row("weight", f"{tried.weight.in_force:.3f} ({_provenance(tried)})")
        if not tried.found:
            table.add_row("found", tried.unheard or "nothing")
        else:
            table.add_row("found", clean(tried.reason, 300))
            table.add_row("strength", f"{tried.strength:.3f}")
            what = "would add" if tried.would is not None else "counts"
            value = tried.contribution if tried.would is None else tried.would
            table.add_row(what, number(value).append("  ").append(_less(tried), style="dim"))
        for key, given in tried.inputs.items():
            table.add_row(f"  {clean(key)}", clean(str(given), 300))
        yield tried.name, table


def _less(tried: Tried) -> str:
    notes = [_RANKS[tried.divided_by]] if tried.divided_by in _RANKS else []
    return ", ".join([*notes, *["held to the group's cap"] * tried.capped])


def _provenance(tried: Tried) -> str:
    return (
        _origin(tried) if tried.weight.origin != "shipped" else f"shipped {tried.weight.shipped:g}"
    )


def number(micro: int, style: str = "") -> Text:
    """Return millionths of a logit as logits, red for what speaks of abuse."""
    colour = "red" if micro > 0 else "green"
    return Text(f"{micro / MICRO:+6.2f}", style=f"{style} {colour}".strip())


def action_text(action: str) -> Text:
    """Return an action in its colour."""
    return Text(action, style=f"bold {COLOURS.get(action, 'white')}")
