"""An entity's reading, and what was reported of it, as a person reads it."""

import math
from collections import Counter as Counts
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from features.reported import Report
from features.rolling import Counter, Reading

__all__ = ["as_lines", "as_object", "reported_lines", "reported_object"]

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def as_lines(reading: Reading, now: float) -> Iterator[str]:
    """Yield lines: when it was seen, what was counted, how many distinct things it had.

    `now` in seconds; the reading is one taken at that time.
    """
    yield f"first seen   {_moment(reading.first)}, {_ago(now - reading.first)}"
    yield f"last seen    {_moment(reading.last)}, {_ago(now - reading.last)}"
    if math.isfinite(reading.previous):
        yield f"before that  {_moment(reading.previous)}, {_ago(now - reading.previous)}"
    for counter in reading.kind.counters:
        windows = ", ".join(
            f"{reading.decayed(counter.name, half_life):.1f} ({half_life})"
            for half_life in counter.half_lives
        )
        yield f"{_words(counter):<19} {reading.total(counter.name):>12,.0f}" + (
            f"    of late: {windows}" if windows else ""
        )
    for sketch in reading.kind.sketches:
        distinct = f"{reading.distinct(sketch):>12,.0f}"
        yield f"distinct {sketch:<10} {distinct}    today and yesterday, +-18 %"


def reported_lines(reports: Sequence[Report], now: float) -> Iterator[str]:
    """Yield a line for each side: how many reports stand, of how many people, by which sources."""
    for abuse, side in ((True, "reported as abuse"), (False, "called legitimate")):
        said = [report for report in reports if report.abuse is abuse]
        if said:
            people = len({report.who for report in said})
            sources = Counts(report.source for report in said)
            listed = ", ".join(f"{count} {source}" for source, count in sorted(sources.items()))
            last = max(report.at for report in said)
            told = f"by {people}: {listed}; the last {_ago(now - last)}"
            yield f"{side:<19} {len(said):>12,}    {told}"


def reported_object(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Return standing reports as JSON's own values, by time; nobody is named."""
    return [
        {"at": _moment(it.at), "abuse": it.abuse, "source": it.source, "weight": it.weight}
        for it in reports
    ]


def as_object(reading: Reading) -> dict[str, Any]:
    """Return the reading as JSON's own values: times in RFC 3339, counts by half-life."""
    return {
        "kind": reading.kind.name,
        "first": _moment(reading.first),
        "last": _moment(reading.last),
        "previous": _moment(reading.previous) if math.isfinite(reading.previous) else None,
        "counts": {
            counter.name: {
                "total": round(reading.total(counter.name)),
                **{
                    half_life: round(reading.decayed(counter.name, half_life), 6)
                    for half_life in counter.half_lives
                },
            }
            for counter in reading.kind.counters
        },
        "distinct": {name: round(reading.distinct(name), 1) for name in reading.kind.sketches},
    }


def _words(counter: Counter) -> str:
    return counter.name.replace("_", " ")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ago(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now"
