"""A story as a page for a person: the verdict's arithmetic, what lay behind it, what if, since."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from apps.analysis.readings import Told
from apps.analysis.story import Story
from apps.cli.explained import action_text, columns, number, paged, told
from apps.cli.rendering import by_weight, clean, plain_score
from detectors.actions import ACTIONS
from detectors.catalogue import SPECS
from detectors.counterfactual import Alternative, Family
from detectors.verdict import MICRO

__all__ = ["story_page"]

_FAMILIES: Final[tuple[tuple[Family, str], ...]] = (
    ("less", "Had less spoken"),
    ("more", "Had more spoken"),
    ("policy", "Had the policy been another"),
)
_CHANGES: Final = 4  # of one alternative that are written out
_FLAGS: Final = {
    "duplicate": "the same message came before at another place of the log",
    "requeued": "it was a dead letter once, and was published again",
    "clock_skew": "its time of receipt was beyond what the log allows, and was brought into it",
    "truncated": "it was larger than messages may be, and judged by its first part",
    "envelope_missing": "it came without an envelope",
    "envelope_malformed": "its envelope wasn't readable in whole",
    "tenant_malformed": "its tenant's name wasn't one: the default's policy was taken",
    "message_empty": "it had no bytes",
}


def story_page(story: Story, width: int) -> str:
    """Return the page with ANSI colours, at most `width` columns wide."""
    return paged(_head(story), _parts(story), width)


def _head(story: Story) -> RenderableType:
    verdict = story.verdict
    title = Text(clean(verdict.id), style="bold")
    title.append(f"  {_time(verdict.received_at)}", style="not bold")
    judged = action_text(verdict.action)
    total = "" if verdict.logit is None else f"  sum {verdict.logit / MICRO:+.2f}"
    judged.append(f"  {verdict.class_}  score {plain_score(verdict)}{total}", style="not bold")
    facts = [
        verdict.direction,
        f"tenant {verdict.tenant}",
        f"from {verdict.client_net}" if verdict.client_net else "",
        f"{verdict.rcpt_count} recipient{'s' * (verdict.rcpt_count != 1)}",
        "" if verdict.kind == "judged" else verdict.kind,
    ]
    return Group(
        title,
        judged,
        Text(f"  {clean(', '.join(filter(None, facts)))}"),
        Text(clean(story.summary)),
    )


def _parts(story: Story) -> Iterator[tuple[str, RenderableType]]:
    if story.explanation is not None:
        yield from told(story.explanation)
    elif story.verdict.logit is not None:
        yield "What was found, in logits (log-odds of abuse)", _signals(story)
    if story.readings:
        yield "What was known", _lines(story.readings)
    if story.missing:
        yield "What it had to do without", _lines(story.missing)
    if story.verdict.flags:
        yield "What was odd", _lines(Told(it, _FLAGS.get(it, "")) for it in story.verdict.flags)
    yield "What would have changed it", _otherwise(story)
    yield "What it rests on", _lines(_rests_on(story))
    yield "Since then", _lines(_since(story))


def _signals(story: Story) -> RenderableType:
    """Return the contributions as they were recorded, where what they came of isn't at hand."""
    table = columns(0, 1)
    for signal in by_weight(story.verdict):
        reason = Text(clean(signal.reason, 300)).append(f" ({clean(signal.name)})", style="dim")
        table.add_row(number(signal.contribution), reason)
    table.add_row(number(story.verdict.bias), "where every message starts (bias)")
    note = Text(f"Weights aren't told: {clean(story.unexplained)}", style="yellow")
    return Group(table, note) if story.unexplained else table


def _lines(said: Iterable[Told]) -> RenderableType:
    table = columns(0, 1)
    for each in said:
        table.add_row(clean(each.about, 40), clean(each.said, 400))
    return table


def _otherwise(story: Story) -> RenderableType:
    found = story.counterfactual
    if found.unknown:
        return Text(f"Not known: {clean(found.unknown)}.", style="yellow")
    parts: list[RenderableType] = []
    for family, title in _FAMILIES:
        fitting = [it for it in (*found.milder, *found.harsher) if it.family == family]
        if not fitting:
            continue
        table = columns(0, 1)
        for each in sorted(fitting, key=lambda it: ACTIONS.index(it.action)):
            table.add_row(action_text(each.action), _if(each))
        parts += [Text(title, style="dim"), Padding(table, (0, 0, 0, 1))]
    if not parts:
        parts = [Text("nothing that was tried")]
    untold = f", {found.untold} of them for want of the mail untold" if found.untold else ""
    said = f"{found.tried} sets of changes judged anew{untold}; models' margins stay as they were"
    return Group(*parts, Text(said, style="dim"))


def _if(each: Alternative) -> Text:
    words = [clean(change.words, 160) for change in each.changes]
    first = "if "
    if len(words) > _CHANGES:
        first = f"if all of {len(words)} were otherwise: "
        words = [*words[: _CHANGES - 1], f"{len(words) - _CHANGES + 1} more (--json)"]
    said = Text(f"{first}{'; '.join(words)}")
    if each.moved and each.score is not None:
        said.append(f" (score {each.score:.3f}, {each.moved / MICRO:+.2f})", style="dim")
    if len(words) == 1 and each.changes[0].kind == "also":
        said.append(f" {SPECS[each.changes[0].name].what}", style="dim")
    return said


def _rests_on(story: Story) -> Iterator[Told]:
    verdict, policy = story.verdict, story.policy
    now = "in force now" if policy.in_force else "another one is in force now"
    yield Told("policy", f"{policy.digest} ({now})")
    for model in story.models:
        yield Told("model", f"{model.name} {model.version}")
    if not story.models:
        yield Told("models", "none")
    same = {True: " (this program's)", False: " (another than this program's)", None: ""}
    yield Told("engine", f"{verdict.engine}{same[story.same_engine]}")
    log = verdict.log
    place = f"partition {log.partition}, offset {log.offset} ({log.epoch})" if log else "none"
    yield Told("mail log", f"{place}; found in {story.place}")
    yield Told("replay", f"{story.replay.way}: {story.replay.why}")


def _since(story: Story) -> Iterator[Told]:
    for given in story.given:
        score = "" if given.score is None else f", score {given.score:.3f}"
        mark = " (told here)" if given.event == story.event and len(story.given) > 1 else ""
        kind = given.event.removeprefix(f"{story.verdict.id}.")
        yield Told(_time(given.at), f"{kind}: {given.action}{score}{mark}")
    for label in story.labels:
        weight = "" if label.weight is None else f", weight {label.weight:.2g}"
        stands = weight if label.stands else ", taken back"
        yield Told(
            _time(label.at), f"label {label.truth} by {label.source}{stands} ({label.label})"
        )
    if not story.labels and not story.labels_unknown:
        yield Told("labels", "nobody said what it was (weir label ID spam)")
    if story.labels_unknown:
        yield Told("labels", story.labels_unknown)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
