"""An evaluation as a page that a person would look at: no script, nothing from elsewhere."""

import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import orjson

from apps.evaluation.curves import Window, learning, reliability
from apps.evaluation.drawn import learning_charts, reliability_chart
from apps.evaluation.figures import curve
from apps.evaluation.plot import svg
from apps.evaluation.protocol import Outcome, scores_of

__all__ = ["FIGURES", "PAGE", "costliest", "write_page"]

PAGE, FIGURES = "index.html", "figures.json"
_SHOWN = 20  # mistakes of either kind
_STYLE = (
    "body{font:15px/1.5 sans-serif;color:#222;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}"
    "table{border-collapse:collapse;margin:.8rem 0}"
    "td,th{padding:.25rem .9rem .25rem 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid #ddd}th{font-weight:600;color:#555}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "td.path{font-family:monospace;overflow-wrap:anywhere;max-width:22rem}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(28rem,1fr));gap:1rem}"
    "svg{width:100%;height:auto}ul{margin:0;padding-left:1.1rem}p.note{color:#555;max-width:46rem}"
)
_RATES = ("0.1%", "0.04%", "0.01%")


def write_page(folder: Path, found: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write index.html and figures.json into a folder that is there; raises OSError.

    `found` is the object that apps.evaluation.report makes of the outcomes.
    """
    scores = scores_of(outcomes)
    windows = learning(scores)
    bins = reliability(outcomes)
    mistakes = {"ham": costliest(outcomes, spam=False), "spam": costliest(outcomes, spam=True)}
    figures = {
        **found,
        "learning_curve": [window._asdict() for window in windows],
        "reliability": [each._asdict() for each in bins],
        "costliest": {
            kind: [_mistake(outcome) for outcome in listed] for kind, listed in mistakes.items()
        },
    }
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    (folder / FIGURES).write_bytes(orjson.dumps(figures, option=option) + b"\n")
    charts = [*_roc(outcomes), *learning_charts(windows), reliability_chart(bins)]
    (folder / PAGE).write_text("\n".join(_lines(found, charts, windows, mistakes)), "utf-8")


def costliest(outcomes: Sequence[Outcome], *, spam: bool) -> list[Outcome]:
    """Return the worst misjudged of one kind: those that lie furthest on the other side of 0."""
    sign = -1.0 if spam else 1.0
    wrong = [
        (sign * it.opinion.logit, place)
        for place, it in enumerate(outcomes)
        if it.spam == spam and it.opinion.logit is not None and sign * it.opinion.logit > 0
    ]
    wrong.sort(key=lambda found: (-found[0], found[1]))
    return [outcomes[place] for _, place in wrong[:_SHOWN]]


def _roc(outcomes: Sequence[Outcome]) -> Iterator[str]:
    scores = scores_of(outcomes)
    ham, spam = len(scores.of_ham), len(scores.of_spam)
    if ham and spam:
        yield svg(curve(scores), "Ham misjudged and spam missed, by threshold", ham, spam)


def _lines(
    found: Mapping[str, Any],
    charts: Sequence[str],
    windows: Sequence[Window],
    mistakes: Mapping[str, Sequence[Outcome]],
) -> Iterator[str]:
    protocol = found["protocol"]
    title = f"{_named(found['index'])}: {protocol['name']}"
    if protocol["noise"]:
        title += f", noise {protocol['noise']}"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(title)}</h1>"
    yield (
        f"<p>{found['messages']:,} messages, {found['spam']:,} spam and {found['ham']:,} ham; "
        f"{found['taught']:,} labels shown. Score of {escape(', '.join(found['models']))}.</p>"
    )
    if found["trained_on"]:
        yield (
            f"<p><strong>{found['trained_on']:,} of these messages are among the classifier's "
            "training mail: the figures flatter it.</strong></p>"
        )
    yield "<h2>How well it ranks</h2>"
    learned: Mapping[str, Mapping[str, Any]] = found["learning"]
    parts = {name: it for name, it in learned.items() if it["messages"] < found["messages"]}
    yield from _ranking({"all": found, **parts})
    yield "<h2>What the policy's thresholds give</h2>"
    yield from _thresholds(found["thresholds"])
    yield '<h2>Curves</h2><div class="charts">'
    yield from (f"<figure>{each}</figure>" for each in charts if each)
    yield "</div>"
    if windows:
        yield (
            f'<p class="note">Each point of the learning curves is of {windows[0].messages:,} '
            "messages. Bars of the reliability diagram are 95 % intervals.</p>"
        )
    yield "<h2>The costliest mistakes: legitimate mail</h2>"
    yield from _mistakes(mistakes["ham"])
    yield "<h2>The costliest mistakes: spam</h2>"
    yield from _mistakes(mistakes["spam"])
    yield "</body></html>\n"


def _ranking(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    heads = ["messages", "1-ROCA%", "95 %", *(f"missed % at {rate} of ham" for rate in _RATES)]
    yield _row("th", "", *heads, first="table")
    for name, part in parts.items():
        low, high = part["one_minus_roca_pct_low"], part["one_minus_roca_pct_high"]
        yield _row(
            "td",
            name,
            f"{part['messages']:,}",
            _number(part["one_minus_roca_pct"]),
            "" if low is None else f"{_number(low)} to {_number(high)}",
            *(_number(part[f"missed_pct_at_{rate}"]) for rate in _RATES),
        )
    yield "</table>"


def _thresholds(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield _row("th", "action", "from score", "ham misjudged", "%", "recall %", first="table")
    for action, at in parts.items():
        yield _row(
            "td",
            action,
            f"{at['score']:g}",
            f"{at['ham_misjudged']:,}",
            _number(at["ham_misjudged_pct"]),
            _number(at["recall_pct"]),
        )
    yield "</table>"


def _mistakes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    if not outcomes:
        yield "<p>None.</p>"
        return
    yield (
        '<table><tr><th>message</th><th class="n">logit</th><th>action</th>'
        "<th>what spoke most</th></tr>"
    )
    for outcome in outcomes:
        opinion = outcome.opinion
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in opinion.reasons)
        yield (
            f'<tr><td class="path">{escape(_named(outcome.path))}</td>'
            f'<td class="n">{opinion.logit:+.2f}</td><td>{escape(opinion.action)}</td>'
            f"<td><ul>{reasons}</ul></td></tr>"
        )
    yield "</table>"


def _row(tag: str, name: str, *cells: str, first: str = "") -> str:
    opening = f"<{first}>" if first else ""
    found = "".join(f'<{tag} class="n">{escape(cell)}</{tag}>' for cell in cells)
    return f"{opening}<tr><{tag}>{escape(name)}</{tag}>{found}</tr>"


def _mistake(outcome: Outcome) -> dict[str, Any]:
    opinion = outcome.opinion
    return {
        "path": _named(outcome.path),
        "logit": opinion.logit,
        "action": opinion.action,
        "reasons": list(opinion.reasons),
    }


def _named(path: str) -> str:
    """Return a path as text; bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
