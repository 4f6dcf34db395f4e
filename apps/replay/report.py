"""The report of a what-if: one HTML file that runs nothing, loads nothing, and prints.

What mail, senders and rules wrote in it is cleaned and escaped where it is put in
(apps.pages.frame.shown); the page's policy forbids all else.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from msgspec.structs import replace

from apps.cli.rendering import clean
from apps.pages.frame import document, shown
from apps.replay.comparison import Comparison, Consequence
from apps.replay.report_changes import changed_messages
from apps.replay.report_charts import flow_drawing, score_charts
from apps.replay.report_tables import (
    effect_table,
    flow_matrix,
    shadow_table,
    slice_table,
    untold_table,
)
from streams.whole_file import write_whole

__all__ = ["comparison_page", "write_comparison"]

_NAME: Final = 24  # columns of a run's name
_HEADLINE: Final = 90  # columns up to which all that was asked stands in it


def write_comparison(file: Path, found: Comparison) -> None:
    """Write the report of a comparison; raises OSError."""
    write_whole(file, comparison_page(found).encode())


def comparison_page(found: Comparison) -> str:
    """Return the report of a comparison as an HTML document; deterministic."""
    # The runs' names stand in heads and legends, where a path has no room.
    before, after = (clean(name, _NAME) for name in (found.before, found.after))
    named = replace(found, before=before, after=after)
    return document(_title(found), _body(named))


def _title(found: Comparison) -> str:
    if not found.asked:
        return "Two runs compared"
    said = "; ".join(found.asked)
    if len(found.asked) == 1 or len(said) <= _HEADLINE:
        return f"What if: {said}"
    return f"What if: {len(found.asked)} changes"


def _body(found: Comparison) -> Iterator[str]:
    yield f"<h1>{shown(_title(found), 300)}</h1>"
    if len(found.asked) > 1 and len("; ".join(found.asked)) > _HEADLINE:
        yield f"<ul>{''.join(f'<li>{shown(line, 300)}</li>' for line in found.asked)}</ul>"
    yield f'<p class="lead">{_lead(found)}</p>'
    yield from _warnings(found)
    yield from _tiles(found)
    charts = list(score_charts(found))
    yield _contents(found, drawn=bool(charts))
    yield '<h2 id="flows">From action to action</h2>'
    yield from _flows(found)
    yield '<h2 id="labels">Against labels</h2>'
    yield from _labels(found)
    if charts:
        yield '<h2 id="scores">Scores</h2>'
        yield f'<div class="charts">{"".join(f"<figure>{each}</figure>" for each in charts)}</div>'
    if found.changes:
        yield '<h2 id="changes">Changed messages, the gravest first</h2>'
        yield from changed_messages(found)
    yield from _slices(found)
    yield '<h2 id="rests">What this rests on</h2>'
    yield from _foundation(found)


def _contents(found: Comparison, *, drawn: bool) -> str:
    sections = (
        ("flows", "From action to action", True),
        ("labels", "Against labels", True),
        ("scores", "Scores", drawn),
        ("changes", "Changed messages", bool(found.changes)),
        ("tenants", "By tenant", bool(found.tenants)),
        ("domains", "By domain", bool(found.domains)),
        ("rests", "What this rests on", True),
    )
    links = "".join(f'<a href="#{name}">{said}</a>' for name, said, there in sections if there)
    return f'<nav aria-label="Contents">{links}</nav>'


def _flows(found: Comparison) -> Iterator[str]:
    drawing = flow_drawing(found)
    yield '<div class="pair">'
    yield f"<figure>{drawing}</figure>" if drawing else "<p>No message gets another action.</p>"
    yield from flow_matrix(found)
    yield "</div>"


def _lead(found: Comparison) -> str:
    if not found.compared:
        return "No message could be compared."
    if not found.changed:
        moved = f", though {found.scores_changed:,} scores move" if found.scores_changed else ""
        return f"None of {found.compared:,} messages gets another action{moved}."
    share = 100 * found.changed / found.compared
    return (
        f"{found.changed:,} of {found.compared:,} messages ({share:.3g} %) get another action: "
        f'<span class="harsher">{found.harsher:,} a harsher one</span>, '
        f'<span class="milder">{found.milder:,} a milder one</span>.'
    )


def _warnings(found: Comparison) -> Iterator[str]:
    if found.interrupted:
        yield (
            '<p class="warn">It was interrupted: what follows is of the messages read so far.</p>'
        )
    if found.other_engine:
        yield (
            f'<p class="warn">{found.other_engine:,} of the compared verdicts are of another '
            "release or installation, which may have a part in what differs.</p>"
        )
    untold = sum(it.messages for it in found.untold)
    if untold:
        yield (
            f'<p class="warn">Of {untold:,} more messages nothing can be told: '
            '<a href="#untold">what was missing</a>.</p>'
        )


def _tiles(found: Comparison) -> Iterator[str]:
    tiles = [
        (f"{found.compared:,}", "compared"),
        (f"{found.changed:,}", "change action"),
        (f"{found.scores_changed:,}", "change score"),
    ]
    if found.labelled_ham or found.labelled_abuse:
        tiles += [
            (_grave(found, "ham now refused"), "labelled ham, now refused"),
            (_grave(found, "abuse now let through"), "labelled abuse, now let through"),
        ]
    items = "".join(
        f"<li><strong>{number}</strong><span>{said}</span></li>" for number, said in tiles
    )
    yield f'<ul class="tiles">{items}</ul>'


def _grave(found: Comparison, consequence: Consequence) -> str:
    """Return how many there are of a consequence, with a "+" where the list ends before them."""
    ranks = get_args(Consequence)
    count = sum(it.consequence == consequence for it in found.changes)
    cut = 0 < len(found.changes) < found.changed
    ends = cut and ranks.index(found.changes[-1].consequence) <= ranks.index(consequence)
    return f"{count:,}+" if ends else f"{count:,}"


def _labels(found: Comparison) -> Iterator[str]:
    if not found.labelled_ham and not found.labelled_abuse:
        yield (
            "<p>No compared message has a label, so that nobody can say here whether the change "
            "is for the better.</p>"
        )
        return
    yield (
        f"<p>{found.labelled_ham:,} of the compared messages are labelled ham, "
        f"{found.labelled_abuse:,} abuse.</p>"
    )
    yield from effect_table(found.effects, found.before, found.after)
    yield (
        '<p class="note">Labels are given where somebody looked or complained: they are no '
        "random sample of all mail.</p>"
    )


def _slices(found: Comparison) -> Iterator[str]:
    if found.tenants:
        yield '<h2 id="tenants">By tenant</h2>'
        yield from slice_table("tenant", found.tenants)
    if found.domains:
        yield '<h2 id="domains">By the sender\'s domain</h2>'
        yield from slice_table("domain", found.domains)
    if found.shadow:
        yield "<h2>In shadow mode</h2>"
        yield "<p>What the second run would have done, and didn't, being in shadow mode.</p>"
        yield from shadow_table(found.shadow)


def _foundation(found: Comparison) -> Iterator[str]:
    facts = [
        ("First run", found.before),
        ("Second run", found.after),
        ("Received", _period(found)),
        ("Read", f"{found.messages:,} messages"),
        ("Compared", f"{found.compared:,}, {found.by_mail:,} of them from the mail itself"),
        ("Digest of the first", found.digest_before),
        ("Digest of the second", found.digest_after),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{shown(said, 300)}</dd>" for name, said in facts)
    yield f'<dl class="facts">{rows}</dl>'
    if found.untold:
        yield '<h3 id="untold">What can\'t be told</h3>'
        yield from untold_table(found)


def _period(found: Comparison) -> str:
    if found.since is None or found.until is None:
        return "-"
    return f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
