"""docs/detection.md from a measurement: what is caught and what it costs, missed aims first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from apps.bench.corpora_seen import PHISHING
from apps.weighing.held_out import SHARES
from apps.weighing.intervals import at_most, wilson

__all__ = ["aims", "detection_page"]

ALL, TODAY = "all ham", "modern and templates"

Found = Mapping[str, Any]

_HEAD = """\
# Detection

What the detectors catch on the first day, before anything was learned, and what they do to
legitimate mail. Made by `weir bench detection --corpora DIR --write` on {day} ({messages} messages,
engine `{engine}`); [benchmarks.md](benchmarks.md) documents every figure by its key, and
[detectors.md](detectors.md) has each signal by itself.

## Against the aims

{aims}

## How to read it

- **Thresholds are fixed beforehand.** They are set on legitimate mail alone, each message scored
  by weights that never saw its source (templates go together), then applied to phishing once. The
  classifier's margins are held out too: of legitimate mail by a model that never saw its source
  (only the largest, `sa-easy-ham`, by folds), of phishing by each fold's model, averaged.
- **The signals aren't blind.** They were written with this phishing in view, and mended on this
  modern mail. One exception to leaving sources out: rates of a survey, of which the modern mail is
  a part, stay among the rates. Mail of other collections fares worse; how much, only they can say.
- **Little mail of today.** {today} modern messages and templates: {none_of_today}. All ham is
  mostly of 2002, and its threshold is set by a handful of that year's newsletters
  (`sa-hard-ham`).
- **Intervals** are 90 % of {rounds} resamplings of legitimate mail and of whole campaigns. A
  campaign is what shares a display name, subject, address or link domain (none that legitimate
  mail links to): {campaigns} in {phish} messages, so a few families make most of a share of
  messages.
- Senders are unknown: no history, no learned models. Attachments are opened as a worker does.

## Phishing found

Percent of {phish} messages above the threshold that a share of legitimate mail exceeds, with the
interval; `by campaign` is the mean over campaigns. The stack adds both; the threshold of the
signals alone is their sum in logits, as `[[thresholds]]` of a weights file has it.

{recall}

What the classifier adds, in points of recall, paired: the same resamplings for both sides, each at
its own threshold. An interval that holds 0 shows no difference.

{difference}

## What carries it

Percent of phishing found by the signals alone, without a part of what they rest on and by each
group alone. Malformed From stands for these signals:
{malformed}.

{parts}

## By year

By the Date of the message.

{years}

## Other abuse

The stack at the thresholds of {all_ham} legitimate messages.

{others}

## Legitimate mail

Messages of each source above the thresholds, of the stack and of the signals alone.

{ham}

What the shipped policy does: messages tagged / quarantined / rejected, `-` for none. A source that
the classifier has seen other mail of (folds), one that it never saw, and without the classifier.
The classifier is what a new kind of mail has to fear; `weir train` on your own mail mends it.

{actions}

## Phishing by action

Percent of messages under the shipped policy.

{phishing}

## What is missed

Phishing that the stack misses at {share} of all ham, campaigns missed whole, by the groups of
signals that spoke against them with half a logit or more. [misses.md](misses.md) has them read one
by one, and what each would need; legitimate mail that is tagged too.

{misses}
"""


class Aim(NamedTuple):
    """An aim with what was measured; `low` is the least, or `high` the most, in percent."""

    aim: str
    measured: str
    met: bool


def aims(found: Found) -> list[Aim]:
    """Return each aim that the measurement speaks of, the missed ones first."""
    rows = [*_recall_aims(found), *_ham_aims(found), *_cost_aims(found)]
    return sorted(rows, key=lambda row: row.met)


def _recall_aims(found: Found) -> Iterator[Aim]:
    least = SHARES[0]
    for pool, wanted in ((ALL, 70), (TODAY, 60)):
        row = found["recall"].get(f"{PHISHING}: both, {least:g} of {pool}")
        if row:
            said = f"{_span(row)} %, signals alone "
            said += f"{_span(found['recall'][f'{PHISHING}: signals, {least:g} of {pool}'])} %"
            what = f"phishing at {_let_through(least)} of {pool}: at least {wanted} %"
            yield Aim(what, said, row["recall"] >= wanted / 100)
    row = found["parts"].get("without malformed From", {})
    for key in (f"{least:g} of {ALL}", f"{least:g} of {TODAY}"):
        if key in row:
            share = row[key]
            what = (
                f"without malformed From, {_let_through(least)} of {key.partition(' of ')[2]}: 50 %"
            )
            yield Aim(what, f"{_percent(share)} % (signals alone)", share >= 0.5)


def _ham_aims(found: Found) -> Iterator[Aim]:
    for kind, most in (("templates", 0.01), ("modern", 0.005)):
        for key, how in (
            ("ham_of_a_new_kind", "the classifier never saw their source"),
            ("ham", "the classifier saw others of their source"),
            ("ham_by_signals_alone", "signals alone"),
        ):
            rows = [row for name, row in found[key].items() if name.startswith(f"{kind}-")]
            if not rows:
                continue
            total = sum(row["messages"] for row in rows)
            rejected = sum(_count(row, "reject") for row in rows)
            touched = sum(row["messages"] - _count(row, "accept") for row in rows)
            low, high = wilson(touched, total)
            said = f"{rejected} rejected, {touched} of {total} tagged or worse "
            said += f"({_percent(low)} to {_percent(high)} %)"
            what = f"{kind}, {how}: none rejected, at most {_let_through(most)} tagged"
            yield Aim(what, said, not rejected and touched <= most * total)


def _cost_aims(found: Found) -> Iterator[Aim]:
    for mail, most in (("sa", 150.0), ("today", 500.0)):
        if mail in found["detect_us"]:
            us = found["detect_us"][mail]
            name = "the SpamAssassin corpus" if mail == "sa" else "today's mail"
            what = f"all detectors on {name}: at most {most:.0f} us of CPU a message"
            yield Aim(what, f"{us:.0f} us", us <= most)


def detection_page(found: Found) -> str:
    """Return the page of a measurement that holds phishing and legitimate mail of today."""
    mail = found["mail"]
    today = found["recall"][f"{PHISHING}: both, {SHARES[0]:g} of {TODAY}"]["ham"]
    return _HEAD.format(
        messages=f"{sum(row['messages'] for row in mail.values()):,}",
        day=found["day"],
        engine=found["engine"],
        aims=_table(
            ["", "aim", "measured"],
            [["met" if a.met else "**missed**", a.aim, a.measured] for a in aims(found)],
        ),
        today=f"{today:,}",
        none_of_today=f"none above a threshold says at most {_percent(at_most(0, today))} %",
        rounds=found["rounds"],
        phish=f"{mail[PHISHING]['messages']:,}",
        campaigns=f"{mail[PHISHING]['campaigns']:,}",
        recall=_recall(found),
        difference=_difference(found),
        malformed=", ".join(f"`{name}`" for name in found["malformed_from"]),
        parts=_parts(found),
        years=_years(found),
        all_ham=f"{found['recall'][f'{PHISHING}: both, {SHARES[0]:g} of {ALL}']['ham']:,}",
        others=_others(found),
        ham=_ham(found),
        actions=_actions(found),
        phishing=_phishing(found),
        share=_let_through(SHARES[0]),
        misses=_table(
            ["spoke", "campaigns", "messages"],
            [[kind, row["campaigns"], row["messages"]] for kind, row in found["misses"].items()],
        ),
    )


def _points() -> Iterator[tuple[str, float, str]]:
    for pool in (ALL, TODAY):
        for share in SHARES:
            yield f"{share:g} of {pool}", share, pool


def _recall(found: Found) -> str:
    rows = []
    for key, share, pool in _points():
        by = {s: found["recall"][f"{PHISHING}: {s}, {key}"] for s in _SCORERS}
        signals, both = by["signals"], by["both"]
        rows.append(
            [
                f"{_let_through(share)} of {pool}",
                f"{both['above']} of {both['ham']:,}",
                _span(both),
                _percent(both["by_campaign"]),
                _span(signals),
                _percent(signals["by_campaign"]),
                f"{signals['threshold']:.2f}",
                _span(by["classifier"]),
            ]
        )
    heads = ["let through", "ham above", "stack", "by campaign", "signals alone", "by campaign"]
    return _table([*heads, "their threshold", "classifier alone"], rows)


def _difference(found: Found) -> str:
    rows = []
    for key, share, pool in _points():
        row = found["difference"][f"both less signals, {key}"]
        points = f"{100 * row['difference']:+.1f}"
        rows.append(
            [
                f"{_let_through(share)} of {pool}",
                f"{points} ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})",
            ]
        )
    return _table(["let through", "stack less signals alone"], rows)


def _parts(found: Found) -> str:
    keys = [
        (f"{share:g} of {pool}", f"{_let_through(share)} of {pool}") for _, share, pool in _points()
    ]
    shown = [keys[0], keys[1], keys[3], keys[5]]
    rows = [
        [name, *(_percent(row[key]) for key, _ in shown)]
        for name, row in found["parts"].items()
        if any(row.values())
    ]
    return _table(["signals", *(head for _, head in shown)], rows)


def _years(found: Found) -> str:
    columns = [
        (f"{scorer}, {SHARES[0]:g} of {pool}", f"{name}, {_let_through(SHARES[0])} of {pool}")
        for scorer, name in (("both", "stack"), ("signals", "signals"))
        for pool in (ALL, TODAY)
    ]
    rows = [
        [year, row["messages"], *(_percent(row[key]) for key, _ in columns)]
        for year, row in found["years"].items()
    ]
    return _table(["year", "messages", *(head for _, head in columns)], rows)


def _others(found: Found) -> str:
    rows = []
    for source, row in found["mail"].items():
        if row["label"] == "ham" or source == PHISHING:
            continue
        spans = [_span(found["recall"][f"{source}: both, {share:g} of {ALL}"]) for share in SHARES]
        rows.append([source, row["messages"], *spans])
    return _table(["source", "messages", *(f"at {_let_through(share)}" for share in SHARES)], rows)


def _ham(found: Found) -> str:
    columns = [
        (f"{scorer}, {share:g} of {pool}", f"{name}, {_let_through(share)} of {pool}")
        for scorer, name in (("both", "stack"), ("signals", "signals"))
        for share, pool in ((SHARES[0], ALL), (SHARES[1], ALL), (SHARES[0], TODAY))
    ]
    rows = [
        [source, row["messages"], *(found["false_positives"][key][source] for key, _ in columns)]
        for source, row in found["mail"].items()
        if row["label"] == "ham"
    ]
    return _table(["source", "messages", *(head for _, head in columns)], rows)


def _actions(found: Found) -> str:
    sides = ("ham", "ham_of_a_new_kind", "ham_by_signals_alone")
    rows = []
    for source, row in found["ham"].items():
        cells = []
        for side in sides:
            counts = [
                _count(found[side][source], *wanted)
                for wanted in (("add_header", "rewrite_subject"), ("quarantine",), ("reject",))
            ]
            cells.append(" / ".join(map(str, counts)) if any(counts) else "-")
        rows.append([source, row["messages"], *cells])
    return _table(["source", "messages", "source seen", "never seen", "signals alone"], rows)


def _phishing(found: Found) -> str:
    rows = []
    for side, name in (
        ("evaluation_only", "stack"),
        ("evaluation_only_by_signals_alone", "signals alone"),
        ("spam", "stack"),
    ):
        for source, row in found[side].items():
            actions = ("accept", "add_header", "quarantine", "reject")
            cells = [_percent(row.get(action, 0.0)) for action in actions]
            rows.append([f"{source}, {name}", row["messages"], *cells])
    heads = ["source", "messages", "accepted", "tagged", "quarantined", "rejected"]
    return _table(heads, rows)


_SCORERS = ("signals", "classifier", "both")


def _count(row: Mapping[str, float], *actions: str) -> int:
    return round(row["messages"] * sum(row.get(action, 0.0) for action in actions))


def _span(row: Mapping[str, float]) -> str:
    return f"{_percent(row['recall'])} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def _let_through(share: float) -> str:
    return f"{100 * share:g} %"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
