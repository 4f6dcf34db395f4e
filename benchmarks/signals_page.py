"""What benchmarks/signals.py writes: the table, data/weights.toml and docs/detectors.md."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from detectors.catalogue import DETECTORS, SPECS
from detectors.weights import SignalWeight, Weights
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import Evidence, extract
from features.history import known

__all__ = ["MODEL_SECTION", "page", "table", "weights_toml"]

MODEL_SECTION = "## With the classifier"
"""Heading of the part of the page that benchmarks/stack.py writes."""

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "corpus" / "signals"
CONTEXTS = (
    Context(authserv_ids=frozenset({"mx.brookvale.org"}), upstream_verifies=True),
    Context(authserv_ids=frozenset({"mx.brookvale.org"})),
)
ENVELOPE = Envelope(id="sample", received_at=datetime(2025, 11, 11, tzinfo=UTC))

PAGE_HEAD = """\
# Detectors

Every signal that a verdict can name: what it looks for, the class it speaks for, what it weighs
(in logits), how often it fires on phishing and on legitimate mail, and a reason as it is shown.
`detectors/` has one module a group; `detectors/data/weights.toml` has the numbers.

**Where a weight comes from.** `ln(0.15 / fp)`, at most 6, never below 0: fp is the highest rate
over the pools of legitimate mail, zero counted as three in all of it (rule of three), and 0.15
stands for every signal's recall, so that no weight is fitted to one collection of phishing. In a
group the strongest finding counts in full, the second half, each further one a quarter. Where
hardly any message could fire a signal, its weight is set by judgement (marked *). What never
speaks alone can still speak in a combination.

**What was measured on.** {messages} messages: easy and hard are SpamAssassin's public corpus
(2002), templates are transactional HTML wrapped as sent by their owner (plain) and through an
unknown mail service (esp), modern is legitimate mail of 2019 to 2026, survey an earlier count of
the same definitions over 1,434 legitimate messages of 2012 to 2026. Recall is over {phish}
messages of Phishing Pot (2022 to 2024), which is used for evaluation only.
Measured {day} by `python benchmarks/signals.py FOLDER --write`. Lists of hosts and brands and some
exemptions were mended on false positives seen in the modern set, so its rates are optimistic.
Signals of velocity, novelty, correspondents and reputation read the sender's history, which these
collections of single messages haven't got: their weights are set by judgement, and low.

**Adding a signal.** Write a check in the module of its group, with its catalogue entry in the
decorator; add `tests/corpus/signals/NAME/fires.eml` and `near.eml` (more as `fires2.eml`, ...),
with the readings of the sender's history, if it reads any, in a `.toml` beside each;
give it a weight under `[signals.NAME]` of `weights.toml`; run the benchmark with `--write`.
"""

COMBINED_HEAD = """
## All together

Share of messages above the threshold that lets the given share of legitimate mail through,
signals alone, without any learned model. Legitimate mail is scored by weights that never saw its
own source.
"""

POOLS = ("easy", "hard", "templates-plain", "templates-esp", "modern", "survey-modern")


def table(weights: Weights) -> str:
    """Return one line a signal, in percent, for a terminal."""
    lines = [f"{'signal':34}{'w':>5}{'recall':>8}" + "".join(f"{p[:10]:>11}" for p in POOLS)]
    for name in SPECS:
        signal = weights.signals[name]
        cells = "".join(
            f"{100 * signal.fp[p]:11.2f}" if p in signal.fp else f"{'':11}" for p in POOLS
        )
        lines.append(f"{name:34}{signal.weight:5.1f}{100 * (signal.recall or 0):8.2f}{cells}")
    return "\n".join(lines)


def weights_toml(weights: Weights, old: str) -> str:
    """Return the weights as the TOML text that detectors.weights reads.

    What stands before the signals (stack, models, groups) stays as in the old text.
    """
    head, _, _ = old.partition("\n[signals.")
    lines = [head.rstrip("\n")]
    for name in SPECS:
        lines += ["", f"[signals.{name}]", *_signal(weights.signals[name])]
    return "\n".join(lines) + "\n"


def _signal(signal: SignalWeight) -> list[str]:
    fp = ", ".join(f"{source} = {_plain(share)}" for source, share in signal.fp.items())
    shares = []
    if signal.recall is not None:
        shares = [f"recall = {_plain(signal.recall)}", f"fp = {{ {fp} }}"]
    return [
        f"weight = {signal.weight}",
        *shares,
        f"measured = {signal.measured.isoformat()}",
        f'on = "{signal.on}"',
    ]


def _plain(share: float) -> str:
    return f"{share:.5f}".rstrip("0").removesuffix(".") or "0"


def page(weights: Weights, report: Mapping[str, Any], old: str) -> str:
    """Return docs/detectors.md; the section about the classifier stays as in the old page."""
    messages = report["messages"]
    lines = [
        PAGE_HEAD.format(
            messages=f"{sum(messages.values()):,}",
            phish=f"{messages.get('phishing-pot', 0):,}",
            day=max(signal.measured for signal in weights.signals.values()).isoformat(),
        )
    ]
    reasons = _reasons()
    for group in dict.fromkeys(spec.group for spec in SPECS.values()):
        lines += [f"## {group.capitalize()}", ""]
        lines += ["| signal | what | class | weight | recall % | fp % by pool | reason |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
        lines += [_row(name, weights, reasons) for name in SPECS if SPECS[name].group == group]
        lines.append("")
    lines.append(COMBINED_HEAD.strip())
    lines += [
        "",
        "| legitimate mail | share | phishing | SpamAssassin spam | modern spam | by source |",
    ]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for name, row in report["combined"].items():
        pool, _, rate = name.partition(" at ")
        recall = [f"{100 * r:.1f} %" for r in row["recall"].values()]
        over = ", ".join(f"{s} {100 * r:.2f} %" for s, r in row["fp"].items() if r)
        lines.append(f"| {pool} ({row['ham']:,}) | {rate} | {' | '.join(recall)} | {over} |")
    _, heading, kept = old.partition(MODEL_SECTION)
    return "\n".join(lines) + "\n" + (f"\n{heading}{kept}" if heading else "")


def _row(name: str, weights: Weights, reasons: Mapping[str, str]) -> str:
    spec, signal = SPECS[name], weights.signals[name]
    mark = "\\*" if signal.on.startswith("set by judgement") else ""
    fp = ", ".join(f"{source} {100 * share:.2g}" for source, share in signal.fp.items() if share)
    cells = (
        f"`{name}`",
        spec.what + (" Reads the raw header." if spec.raw else ""),
        spec.speaks_for,
        f"{signal.weight:.1f}",
        "" if signal.recall is None else f"{100 * signal.recall:.1f}",
        ("not measured" if signal.recall is None else fp or "none") + mark,
        reasons.get(name, "").replace("|", "/"),
    )
    return "| " + " | ".join(cells) + " |"


def _reasons() -> dict[str, str]:
    """Return each signal's reason on its own sample."""
    found: dict[str, str] = {}
    for sample in sorted(SAMPLES.glob("*/fires.eml")):
        name = sample.parent.name
        for context in CONTEXTS:
            evidence = _read(sample, context)
            for detector in DETECTORS:
                for finding in detector.detect(evidence, context):
                    if finding.name == name:
                        found.setdefault(name, finding.reason)
    return found


def _read(sample: Path, context: Context) -> Evidence:
    """Return a sample's evidence with the readings that lie beside it, if any."""
    beside = sample.with_suffix(".toml")
    told = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
    envelope = msgspec.structs.replace(ENVELOPE, direction=told.get("direction", "inbound"))
    evidence = extract(Incoming(envelope, sample.read_bytes()), context)
    return evidence.with_history(known(told.get("readings", {}), told.get("correspondent", "")))
