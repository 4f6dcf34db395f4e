"""Measure every signal on corpora of mail: recall, false positives by source, and all together.

    python benchmarks/signals.py FOLDER... [--write] [--json]

FOLDER is laid out as apps.training.corpora says. `--write` puts the measurements into
detectors/data/weights.toml and docs/detectors.md. A weight is recomputed, ln(0.15 / fp), where
the signal fired often enough to say anything; the others stay as they were set by hand.
"""

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script, not a package

from apps.training.corpora import Sample, pooled, read_corpora  # noqa: E402 - after the path
from benchmarks import signals_page  # noqa: E402 - after the path
from detectors.catalogue import DETECTORS, SPECS  # noqa: E402 - after the path
from detectors.signals import Finding  # noqa: E402 - after the path
from detectors.stack import Stack  # noqa: E402 - after the path
from detectors.weights import SignalWeight, Weights, read_weights  # noqa: E402 - after the path
from features.context import Context  # noqa: E402 - after the path
from features.envelope import Envelope, Incoming  # noqa: E402 - after the path
from features.evidence import extract  # noqa: E402 - after the path

WEIGHTS = ROOT / "detectors" / "data" / "weights.toml"
PAGE = ROOT / "docs" / "detectors.md"
RECALL = 0.15  # of every signal in the weight's formula: real recalls would fit one corpus
CAP = 6.0  # logits
ENOUGH = 10  # messages on which a signal must fire before its weight is computed
ABUSE = ("phishing-pot", "sa-spam", "modern-foff-milter-positive")
PHISH = "phishing-pot"
RATES = (0.001, 0.01)
SURVEY = "survey"  # prefix of fp sources that were measured elsewhere and are kept
# They read the sender's history, which single messages haven't got.
UNMEASURED = frozenset({"velocity", "novelty", "correspondents", "strangers", "reputation"})
CONTEXT = Context()
ENVELOPE = Envelope(id="benchmark", received_at=datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(slots=True)
class Judged:
    """A message's findings by its place in the corpora."""

    source: str
    label: str
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Measured:
    """Counts by source, and CPU seconds of features and detectors by source."""

    judged: list[Judged] = field(default_factory=list)
    features: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    detectors: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def totals(self) -> Counter[str]:
        """Return the number of messages by source."""
        return Counter(j.source for j in self.judged)

    def ham(self) -> list[str]:
        """Return the sources of legitimate mail, in order."""
        return sorted({j.source for j in self.judged if j.label == "ham"})


def detect(samples: Iterable[Sample]) -> Measured:
    """Run every detector over every sample."""
    measured = Measured()
    for sample in samples:
        source = pooled(sample.source)
        start = process_time()
        evidence = extract(Incoming(ENVELOPE, sample.raw), CONTEXT)
        middle = process_time()
        found = tuple(f for detector in DETECTORS for f in detector.detect(evidence, CONTEXT))
        measured.detectors[source] += process_time() - middle
        measured.features[source] += middle - start
        measured.judged.append(Judged(source, sample.label, found))
    return measured


def rates(measured: Measured) -> dict[str, dict[str, float]]:
    """Return, by signal, the share of each source's messages on which it fires."""
    totals = measured.totals()
    fired: dict[str, Counter[str]] = {name: Counter() for name in SPECS}
    for judged in measured.judged:
        for finding in judged.findings:
            fired[finding.name][judged.source] += 1
    return {
        name: {source: fired[name][source] / total for source, total in sorted(totals.items())}
        for name in SPECS
    }


def pools(ham: Iterable[str]) -> dict[str, list[str]]:
    """Return the sources of legitimate mail by the pool whose rate a weight is held to.

    The modern sources are too small to stand alone: one message of 17 says nothing.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for source in ham:
        found["modern" if source.startswith("modern-") else source].append(source)
    return dict(found)


def weigh(
    old: Weights, shares: Mapping[str, Mapping[str, float]], totals: Counter[str], ham: list[str]
) -> dict[str, SignalWeight]:
    """Return new weights: ln(0.15 / the highest ham rate), with zero counted as three in all ham.

    Rates of a survey on other mail, kept in the file, count as sources of their own.
    """
    three = 3 / sum(totals[source] for source in ham)  # rule of three (Hanley 1983)
    found = {}
    for name, spec in SPECS.items():
        before = old.signals.get(name)
        if before and spec.group in UNMEASURED:
            found[name] = before
            continue
        kept = {k: v for k, v in (before.fp if before else {}).items() if k.startswith(SURVEY)}
        fired = {source: shares[name][source] * totals[source] for source in totals}
        fp = {
            pool: round(sum(fired[s] for s in sources) / sum(totals[s] for s in sources), 5)
            for pool, sources in pools(ham).items()
        } | kept
        seen = round(sum(fired.values()))
        weight = before.weight if before else 0.0
        on = "set by judgement: hardly any of these corpora's mail could fire it"
        if seen >= ENOUGH and spec.speaks_for != "ham":
            weight = min(CAP, max(0.0, math.log(RECALL / max(three, *fp.values()))))
            on = "highest rate of legitimate mail by source; recall is the phishing set's"
        recall = round(shares[name].get(PHISH, 0.0), 4)
        found[name] = SignalWeight(
            weight=round(weight, 1), measured=today(), on=on, recall=recall, fp=fp
        )
    return found


def today() -> date:
    """Return the day of measurement."""
    return datetime.now(UTC).date()


def score(
    measured: Measured, weights: Weights, shares: Mapping[str, Mapping[str, float]]
) -> dict[int, float]:
    """Return each message's logit; ham by weights that never saw its own source."""
    totals, ham = measured.totals(), measured.ham()
    stacks = {None: Stack(weights, SPECS)}
    for source in ham:
        others = [other for other in ham if other != source]
        stacks[source] = Stack(
            Weights(
                weights.stack,
                weights.learned,
                weights.groups,
                weigh(weights, shares, totals, others),
            ),
            SPECS,
        )
    return {
        i: stacks.get(j.source, stacks[None]).weigh(j.findings, ()).logit / 1e6
        for i, j in enumerate(measured.judged)
    }


def combined(measured: Measured, logits: Mapping[int, float]) -> dict[str, object]:
    """Return recall by abuse source at fixed false-positive rates, of two pools of ham."""
    ham = measured.ham()
    wholes = {
        "all ham": ham,
        "modern + templates": [s for s in ham if s.startswith(("modern", "templates"))],
    }
    report: dict[str, object] = {}
    for pool, sources in wholes.items():
        scores = sorted(
            (logits[i] for i, j in enumerate(measured.judged) if j.source in sources), reverse=True
        )
        for rate in RATES:
            allowed = int(rate * len(scores))
            threshold = scores[allowed]
            above: Counter[str] = Counter(
                j.source for i, j in enumerate(measured.judged) if logits[i] > threshold
            )
            totals = measured.totals()
            report[f"{pool} at {rate:.1%}"] = {
                "ham": len(scores),
                "allowed": allowed,
                "threshold": round(threshold, 3),
                "recall": {s: round(above[s] / totals[s], 4) for s in ABUSE if totals[s]},
                "fp": {s: round(above[s] / totals[s], 4) for s in ham},
            }
    return report


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help="update weights.toml and the page")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    measured = detect(s for folder in arguments.folders for s in read_corpora(folder))
    shares = rates(measured)
    totals, ham = measured.totals(), measured.ham()
    old = read_weights(WEIGHTS.read_text("utf-8"), SPECS)
    signals = weigh(old, shares, totals, ham)
    weights = Weights(old.stack, old.learned, old.groups, signals)
    report = {
        "messages": dict(sorted(totals.items())),
        "signals": {
            name: {"weight": signals[name].weight, **shares[name]} for name in sorted(SPECS)
        },
        "combined": combined(measured, score(measured, weights, shares)),
        "us_a_message": {
            source: {
                "features": round(1e6 * measured.features[source] / totals[source]),
                "detectors": round(1e6 * measured.detectors[source] / totals[source]),
            }
            for source in sorted(totals)
        },
    }
    if arguments.json:
        print(json.dumps(report))
    else:
        print(signals_page.table(weights))
        print(json.dumps(report["combined"], indent=1))
        print(json.dumps(report["us_a_message"], indent=1))
    if arguments.write:
        before = WEIGHTS.read_text("utf-8")
        WEIGHTS.write_text(signals_page.weights_toml(weights, before), "utf-8")
        PAGE.write_text(signals_page.page(weights, report, PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
