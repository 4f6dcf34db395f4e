"""docs/detectors.md from a measurement: a line a signal, nothing left out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from apps.bench.corpora_seen import PHISHING
from apps.weighing.recipe import JUDGED, SURVEY
from detectors.catalogue import SPECS
from detectors.weights import SignalWeight, Weights

__all__ = ["WHY", "detectors_page"]

WHY: Mapping[str, str] = {
    "authentication": "Who may send for a domain is published in DNS (SPF, DKIM, DMARC); these "
    "read what a verifier of ours found, and count for little alone: phishing passes them too.",
    "headers": "Mail programs write headers one way; kits that send phishing don't. The raw "
    "header is read where the decoded one would hide it.",
    "impersonation": "Phishing has to be taken for somebody: a brand, a colleague, the reader's "
    "own organization. A name alone is no proof against anyone, so the links must be strange too.",
    "links": "What is to be clicked has to be somewhere, and what costs nothing and is gone "
    "tomorrow is where it mostly is.",
    "content": "Words and shapes of lures, and what is done to hide them from filters. Weak "
    "alone: honest mail speaks of parcels and prizes.",
    "attachments": "What does harm when it is opened, and lures that were moved out of the text. "
    "Files are opened only where cheaper signals ask for it ([attachments.md](attachments.md)).",
    "combinations": "What honest mail does too, one by one, and hardly ever together: links that "
    "are strangers to the sender, and a lure, a cheap host or a made-up sender beside them.",
    "business": "Fraud without a link: somebody we know, it seems, asks for money or secrecy.",
    "velocity": "How much a sender sends now against what it used to send.",
    "novelty": "What was never seen here before. Never a reason alone: everybody is new once.",
    "correspondents": "Somebody who looks like one that our user writes with.",
    "strangers": "First contacts that want something at once.",
    "reputation": "What became of earlier mail of the same sender.",
    "reports": "What people said, within seconds, of mail that shares something with this one. So "
    "many distinct ones as the [policy](policy.md) asks for, or one analyst or trap; never where "
    "somebody trusted says that mail with the same is wanted.",
    "vouched": "What analysts say is wanted: it frees what reports or its content stopped.",
    "kind": "Bounces, reports, invitations, lists: what such mail does by nature counts for less "
    "there ([kinds.md](kinds.md)).",
    "enclosed": "A message inside a message is judged as mail.",
}
"""Why each group is looked at, in a sentence or two."""

_HEAD = """\
# Detectors

Every signal that a verdict can name: what it looks for, the reason as it is shown (from the sample
that is written for it), what it weighs in logits, how often it fires, and what it costs. Made by
`weir bench detection --corpora DIR --write`; [detection.md](detection.md) has what they do
together.

**Read the rates with care.** Signals were written with this phishing and this legitimate mail in
view: lists of hosts and brands and some exemptions were mended on false positives in the modern
set. {unmeasured} of {signals} signals hardly any of it could fire; those weights are set by
judgement (marked \\*), the velocity, novelty, correspondents, strangers, reputation, reports and
vouched groups among them, since single messages have no sender history.

**Where a weight comes from.** `ln(0.15 / rate)`, at most 6, never below 0, with the highest rate
over the pools of legitimate mail; zero counts as three in all of it but the largest pool. 0.15
stands for every signal's recall, so nothing is fitted to one collection of phishing. In a group
the strongest finding counts in full, the second half, each further one a quarter. `weir weigh`
works them out anew from your own mail ([training.md](training.md)).

**What it was measured on.** Phishing: {phish} messages of Phishing Pot (2022 to 2024), for
evaluation only. Legitimate mail, {ham} messages: `easy` and `hard` are SpamAssassin's public corpus
(2002), `templates-plain` transactional HTML as its owner sends it, `templates-esp` the same through
an unknown mail service, `modern` mail of 2019 to 2026; `survey-modern` is an earlier count of the
same definitions over 1,434 messages of 2012 to 2026, of which `modern` is a part. Rates of zero are
left out. The class a signal speaks for stands behind its name.

**What it costs.** Microseconds of CPU a message, the mean over all {messages} messages on one core
of {cpu}, without the clock's own time; {total:.0f} for all checks, and what a group's checks share
stands above its table. Evidence was read before: what the whole way costs is in
[benchmarks.md](benchmarks.md).

**Modes.** As shipped all are live. `[signals.NAME]` of a [policy](policy.md) switches one to
`shadow` or `draft`, or gives it another weight; `weir check --explain` shows every signal tried.

**Adding a signal.** Write a check in the module of its group, with its catalogue entry in the
decorator; add `tests/corpus/signals/NAME/fires.eml` and `near.eml` (more as `fires2.eml`, ...),
with the readings of the sender's history, if it reads any, in a `.toml` beside each; give it a
weight under `[signals.NAME]` of `detectors/data/weights.toml`, `on = "set by judgement: why"`; then
`weir weigh --corpora DIR --measure NAME` says what legitimate mail allows it to weigh.
"""


def detectors_page(found: Mapping[str, Any], weights: Weights, reasons: Mapping[str, str]) -> str:
    """Return the page; KeyError for a group or signal that the measurement or WHY lacks."""
    labels = found["mail"]
    judged = [n for n in SPECS if weights.signals[n].on.startswith(JUDGED)]
    shared, alone = found["us_shared"], found["us_a_message"]
    lines = [
        _HEAD.format(
            signals=len(SPECS),
            unmeasured=len(judged),
            phish=f"{labels[PHISHING]['messages']:,}" if PHISHING in labels else "no",
            ham=f"{sum(r['messages'] for r in labels.values() if r['label'] == 'ham'):,}",
            messages=f"{sum(row['messages'] for row in labels.values()):,}",
            cpu=found["machine"]["cpu"],
            total=sum(alone.values()) + sum(shared.values()),
        )
    ]
    for group in dict.fromkeys(spec.group for spec in SPECS.values()):
        cost = f" Shared: {shared[group]:.1f} us." if shared.get(group) else ""
        lines += [f"## {group.capitalize()}", "", WHY[group] + cost, ""]
        lines += ["| signal | weight | phishing % | legitimate mail % | us |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        members = [name for name in SPECS if SPECS[name].group == group]
        for name in members:
            lines.append(
                _row(name, weights.signals[name], found["signals"][name], alone, reasons[name])
            )
        lines += ["", *_judged([n for n in members if n in judged], weights)]
    return "\n".join(lines).rstrip() + "\n"


def _row(
    name: str,
    signal: SignalWeight,
    rates: Mapping[str, float],
    us: Mapping[str, float],
    reason: str,
) -> str:
    spec = SPECS[name]
    mark = "\\*" if signal.on.startswith(JUDGED) else ""
    pools = {p: r for p, r in signal.fp.items() if p.startswith(SURVEY) or rates.get(p)}
    pools |= {p: rates[p] for p in pools if p in rates}
    ham = ", ".join(f"{pool} {_percent(rate)}" for pool, rate in pools.items() if rate)
    raw = " Reads the raw header." if spec.raw else ""
    shown = reason.replace("|", "/")
    cells = (
        f"`{name}` ({spec.speaks_for})<br>{spec.what}{raw}<br>*{shown}*",
        f"{signal.weight:.1f}{mark}",
        _percent(rates.get(PHISHING, 0.0)),
        ham or "none",
        f"{us.get(name, 0.0):.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def _judged(names: list[str], weights: Weights) -> Iterator[str]:
    """Say why weights are set by judgement, those of one reason together."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name in names:
        why = weights.signals[name].on.removeprefix(JUDGED).lstrip(": ")
        by_reason[why or "nothing measured it"].append(name)
    for why, members in by_reason.items():
        who = "all of these" if len(members) == len(names) > 1 else _listed(members)
        yield f"\\* {why[0].upper()}{why[1:].rstrip('.')} ({who})."
        yield ""


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"
