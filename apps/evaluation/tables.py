"""An evaluation's figures as tables for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

__all__ = ["comparison", "tables"]

_RATES = ("0.1%", "0.04%", "0.01%")
_FIGURES = {"one_minus_roca_pct": "1-ROCA%", "missed_pct_at_0.1%": "missed % at 0.1 % of ham"}


def tables(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what a terminal is to show of the object that apps.evaluation.report makes."""
    yield (
        f"{found['messages']:,} messages, {found['spam']:,} spam and {found['ham']:,} ham; "
        f"{found['taught']:,} labels shown. Score of {', '.join(found['models'])}."
    )
    shown = found["protocol"]
    if shown["name"] != "immediate" or shown["noise"] or shown["frozen_after"] is not None:
        yield _said(shown)
    if found["broken"]:
        yield f"{found['broken']:,} broke the pipeline and count as undecided."
    for table in (
        _ranking({"all": found, **_shorter(found)}),
        _near(found["roc"]),
        _thresholds(found["thresholds"]),
        _actions(found["actions"]),
    ):
        yield ""
        yield table
    yield ""
    calibration = found["calibration"]
    yield (
        f"Calibration: expected error {_number(calibration['expected_error'])}, "
        f"Brier {_number(calibration['brier'])}"
    )
    stages = ", ".join(f"{name} {us:,.0f}" for name, us in found["cpu_us_stages"].items())
    yield f"CPU: {found['cpu_us']:,.0f} us a message ({stages})"


def comparison(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what a terminal is to show of the object that apps.evaluation.compared makes."""
    yield _ranking({found[which]["file"]: found[which] for which in ("first", "second")})
    yield ""
    table = _table("first less second", "difference", "95 %", "not better")
    for name, row in found["first_less_second"].items():
        table.add_row(
            _FIGURES[name],
            f"{row['difference']:+.3g}",
            _interval(row["low"], row["high"]),
            f"{row['p_not_better']:.3f}",
        )
    yield table
    yield "Drawn again and again from the same messages: below 0 the first is better."


def _shorter(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the parts of the stream that aren't all of it."""
    parts: Mapping[str, Mapping[str, Any]] = found["learning"]
    return {name: part for name, part in parts.items() if part["messages"] < found["messages"]}


def _said(protocol: Mapping[str, Any]) -> str:
    said = f"Protocol {protocol['name']}"
    if protocol["noise"]:
        said += f", noise {protocol['noise']}"
        if protocol["listed"] is not None:
            said += f" ({protocol['listed']:,} ham of that list)"
    if protocol["labelled_first"] is not None:
        said += f", all labelled up to message {protocol['labelled_first']:,}"
    if protocol["frozen_after"] is not None:
        said += f", no label after message {protocol['frozen_after']:,}"
    return f"{said}, seed {protocol['seed']}."


def _ranking(parts: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _table(
        "missed at % of ham",
        "messages",
        "1-ROCA%",
        "95 %",
        *_RATES,
    )
    for name, part in parts.items():
        table.add_row(
            name,
            f"{part['messages']:,}",
            _number(part["one_minus_roca_pct"]),
            _interval(part["one_minus_roca_pct_low"], part["one_minus_roca_pct_high"]),
            *(_percent(part[f"missed_pct_at_{rate}"]) for rate in _RATES),
        )
    return table


def _thresholds(parts: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _table("threshold", "score", "ham", "ham %", "95 %", "recall %", "lam %")
    for action, at in parts.items():
        table.add_row(
            action,
            f"{at['score']:g}",
            f"{at['ham_misjudged']:,}",
            _percent(at["ham_misjudged_pct"]),
            _interval(at["ham_misjudged_pct_low"], at["ham_misjudged_pct_high"]),
            _percent(at["recall_pct"]),
            _percent(at["lam_pct"]),
        )
    return table


def _actions(parts: Mapping[str, Mapping[str, int]]) -> Table:
    table = _table("action", "ham", "spam")
    for action, counts in parts.items():
        table.add_row(action, f"{counts['ham']:,}", f"{counts['spam']:,}")
    return table


def _near(points: list[Mapping[str, float]]) -> Table:
    table = _table("ham misjudged %", "spam missed %")
    for at in points:
        table.add_row(_percent(at["ham_misjudged_pct"]), _percent(at["spam_missed_pct"]))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=bool(place))
    return table


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
