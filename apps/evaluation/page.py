"""An evaluation as a page that a person would look at: no script, nothing from elsewhere."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from apps.evaluation.curves import Window, learning, reliability
from apps.evaluation.drawn import learning_charts, reliability_chart, roc_of
from apps.evaluation.protocol import Outcome, scores_of
from apps.pages.frame import action_word, document, shown
from apps.pages.table import Column, table

__all__ = ["FIGURES", "PAGE", "costliest", "write_page"]

PAGE, FIGURES = "index.html", "figures.json"
_SHOWN = 20  # mistakes of either kind
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
    drawn = roc_of(scores, "Ham misjudged and spam missed, by threshold")
    charts = [drawn, *learning_charts(windows), reliability_chart(bins)]
    body = _lines(found, charts, windows, mistakes)
    (folder / PAGE).write_text(document(_title(found), body), "utf-8")


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


def _title(found: Mapping[str, Any]) -> str:
    protocol = found["protocol"]
    title = f"{_named(found['index'])}: {protocol['name']}"
    return f"{title}, noise {protocol['noise']}" if protocol["noise"] else title


def _lines(
    found: Mapping[str, Any],
    charts: Sequence[str],
    windows: Sequence[Window],
    mistakes: Mapping[str, Sequence[Outcome]],
) -> Iterator[str]:
    yield f"<h1>{shown(_title(found))}</h1>"
    yield (
        f"<p>{found['messages']:,} messages, {found['spam']:,} spam and {found['ham']:,} ham; "
        f"{found['taught']:,} labels shown. Score of {shown(', '.join(found['models']))}.</p>"
    )
    if found["trained_on"]:
        yield (
            f'<p class="warn"><strong>{found["trained_on"]:,} of these messages are among the '
            "classifier's training mail: the figures flatter it.</strong></p>"
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


def _ranking(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    heads = ["messages", "1-ROCA%", "95 %", *(f"missed % at {rate} of ham" for rate in _RATES)]
    rows = (
        [
            shown(name),
            f"{part['messages']:,}",
            _number(part["one_minus_roca_pct"]),
            _interval(part["one_minus_roca_pct_low"], part["one_minus_roca_pct_high"]),
            *(_number(part[f"missed_pct_at_{rate}"]) for rate in _RATES),
        ]
        for name, part in parts.items()
    )
    yield from table([Column("part"), *(Column(head, numeric=True) for head in heads)], rows)


def _thresholds(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    heads = ("from score", "ham misjudged", "%", "recall %")
    rows = (
        [
            shown(action),
            f"{at['score']:g}",
            f"{at['ham_misjudged']:,}",
            _number(at["ham_misjudged_pct"]),
            _number(at["recall_pct"]),
        ]
        for action, at in parts.items()
    )
    yield from table([Column("action"), *(Column(head, numeric=True) for head in heads)], rows)


def _mistakes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    if not outcomes:
        yield "<p>None.</p>"
        return
    columns = (
        Column("message"),
        Column("logit", numeric=True),
        Column("action"),
        Column("what spoke most"),
    )
    rows = (
        [
            f'<span class="path">{shown(_named(it.path))}</span>',
            f"{it.opinion.logit:+.2f}",
            action_word(it.opinion.action),
            f"<ul>{''.join(f'<li>{shown(reason)}</li>' for reason in it.opinion.reasons)}</ul>",
        ]
        for it in outcomes
    )
    yield from table(columns, rows, kind="cards")


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


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
