"""The figures of `weir bench detection`, each a table with documented keys (docs/benchmarks.md)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from apps.bench import scorers
from apps.bench.corpora_seen import PHISHING, Read, campaigns
from apps.bench.held_out_margins import Margins
from apps.bench.recall import Recall, Target, hits, paired, recall
from apps.training.dataset import origin
from apps.weighing.counts import count, pools
from apps.weighing.held_out import SHARES
from apps.weighing.intervals import quantile
from apps.weighing.outcome import action_of
from detectors.actions import ACTIONS
from detectors.catalogue import SPECS
from detectors.stack import CORROBORATES, Stack
from detectors.terms import Terms
from detectors.weights import Weights

__all__ = [
    "Measured",
    "actions",
    "differences",
    "false_positives",
    "mail",
    "misses",
    "parts",
    "recalls",
    "signals",
    "years",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Label = Literal["ham", "spam", "phish"]
Row = dict[str, float | int | str]

_TODAY = ("modern-", "templates-")
_POOLED = ("all ham", "modern and templates")
_NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Measured:
    """All mail with its scores; `hams` has the pools that thresholds are set on."""

    reads: Sequence[Read]
    sources: NDArray[np.str_]
    hams: Mapping[str, Mask]
    whole: Weights
    by_unit: Mapping[str, Weights]
    margins: Margins
    scores: Mapping[str, Floats]
    targets: Mapping[str, Target]

    @classmethod
    def of(
        cls, reads: Sequence[Read], whole: Weights, by_unit: Mapping[str, Weights], margins: Margins
    ) -> "Measured":
        """Score all mail by the signals alone, by the classifier alone, and by both."""
        sources = np.array([read.seen.source for read in reads])
        ham = np.array([read.seen.legitimate for read in reads])
        today = ham & np.array([source.startswith(_TODAY) for source in sources.tolist()])
        numbers = campaigns(reads)
        return cls(
            reads,
            sources,
            {name: mask for name, mask in zip(_POOLED, (ham, today), strict=True) if mask.any()},
            whole,
            by_unit,
            margins,
            {
                "signals": scorers.signals(reads, by_unit, whole),
                "classifier": scorers.classifier(margins.strange),
                "both": scorers.both(reads, by_unit, whole, margins.strange),
            },
            {
                str(source): Target.of(sources == source, numbers)
                for source in np.unique(sources[~ham])
            },
        )

    def label(self, source: str) -> Label:
        """Return what mail a source holds."""
        if any(read.seen.legitimate for read in self.reads if read.seen.source == source):
            return "ham"
        return "phish" if origin(source) == origin(PHISHING) else "spam"

    def named(self, label: Label) -> list[str]:
        """Return the sources of one label, in order."""
        return [s for s in np.unique(self.sources).tolist() if self.label(s) == label]


def mail(measured: Measured) -> dict[str, Row]:
    """Return by source its label, messages and campaigns."""
    found: dict[str, Row] = {}
    for source in np.unique(measured.sources).tolist():
        row: Row = {
            "label": measured.label(source),
            "messages": int((measured.sources == source).sum()),
        }
        if source in measured.targets:
            row["campaigns"] = int(measured.targets[source].campaigns.max()) + 1
        found[source] = row
    return found


def recalls(measured: Measured) -> dict[str, Row]:
    """Return recall of each abusive source by what ranks, pool of ham and share let through."""
    return {
        f"{source}: {scorer}, {share:g} of {pool}": _row(recall(scores, ham, target, share))
        for source, target in measured.targets.items()
        for scorer, scores in measured.scores.items()
        for pool, ham in measured.hams.items()
        for share in SHARES
    }


def _row(found: Recall) -> Row:
    return dict(found._asdict())


def false_positives(measured: Measured) -> dict[str, Row]:
    """Return by what ranks, pool and share the share of each legitimate source above."""
    found: dict[str, Row] = {}
    for scorer, scores in measured.scores.items():
        for pool, ham in measured.hams.items():
            for share in SHARES:
                cut = quantile(scores[0, ham], share)
                found[f"{scorer}, {share:g} of {pool}"] = {
                    source: int(np.count_nonzero(scores[0, measured.sources == source] > cut))
                    for source in measured.named("ham")
                }
    return found


def differences(measured: Measured) -> dict[str, Row]:
    """Return how much more phishing both find than the signals alone, and than the classifier."""
    found: dict[str, Row] = {}
    target = measured.targets.get(PHISHING)
    for other in ("signals", "classifier") if target is not None else ():
        for pool, ham in measured.hams.items():
            for share in SHARES:
                assert target is not None
                more, low, high = paired(
                    measured.scores["both"], measured.scores[other], ham, target, share
                )
                name = f"both less {other}, {share:g} of {pool}"
                found[name] = {"difference": more, "low": low, "high": high}
    return found


def parts(measured: Measured) -> dict[str, Row]:
    """Return recall of phishing by the signals without what they rest on, and by each group."""
    target = measured.targets.get(PHISHING)
    if target is None:
        return {}
    found: dict[str, Row] = {}
    for name, scores in scorers.ablations(measured.reads, measured.by_unit, measured.whole).items():
        row: Row = {}
        for pool, ham in measured.hams.items():
            for share in SHARES:
                cut = quantile(scores[0, ham], share)
                row[f"{share:g} of {pool}"] = round(
                    float(hits(scores, cut, target.members).mean()), 4
                )
        found[name] = row
    return found


def years(measured: Measured) -> dict[str, Row]:
    """Return recall of phishing by the year of its Date, by both and by the signals alone."""
    target = measured.targets.get(PHISHING)
    if target is None:
        return {}
    dated = np.array([read.year for read in measured.reads])
    found: dict[str, Row] = {}
    for year in np.unique(dated[target.members]).tolist():
        own = target.members & (dated == year)
        row: Row = {"messages": int(own.sum())}
        for scorer in ("signals", "both"):
            scores = measured.scores[scorer]
            for pool, ham in measured.hams.items():
                cut = quantile(scores[0, ham], SHARES[0])
                row[f"{scorer}, {SHARES[0]:g} of {pool}"] = round(
                    float(hits(scores, cut, own).mean()), 4
                )
        found[str(year) if year else "no date"] = row
    return found


def actions(
    measured: Measured, terms: Terms, label: Label, margins: Floats | None
) -> dict[str, Row]:
    """Return by source the messages and the share of each action by the policy's thresholds.

    Without margins the signals act alone.
    """
    if margins is None:
        margins = np.full((1, len(measured.reads)), np.nan)
    stacks = {
        unit: Stack(weights, SPECS, terms.policy.signals)
        for unit, weights in measured.by_unit.items()
    }
    whole = Stack(measured.whole, SPECS, terms.policy.signals)
    found: dict[str, Row] = {}
    for source in measured.named(label):
        counts: Counter[str] = Counter()
        own = np.flatnonzero(measured.sources == source)
        for place in own.tolist():
            seen = measured.reads[place].seen
            stack = stacks.get(seen.unit, whole)
            for margin, times in Counter(margins[:, place].tolist()).items():
                one = scorers.with_margin(seen, margin)
                counts[action_of(one, stack, terms)] += times
        row: Row = {"messages": len(own)}
        for action in ACTIONS:
            if counts[action]:
                row[action] = round(counts[action] / counts.total(), 4)
        found[source] = row
    return found


def misses(measured: Measured) -> dict[str, Row]:
    """Return the phishing that both miss at the least share of all ham, by what spoke against it.

    By the groups of signals that spoke with half a logit or more: how many campaigns were missed
    whole, with how many messages.
    """
    target = measured.targets.get(PHISHING)
    if target is None:
        return {}
    scores, ham = measured.scores["both"], measured.hams[_POOLED[0]]
    found = hits(scores, quantile(scores[0, ham], SHARES[0]), target.members)
    stack = Stack(measured.whole, SPECS)
    campaigns_missed: dict[str, set[int]] = defaultdict(set)
    messages: Counter[str] = Counter()
    caught = np.bincount(target.campaigns, found >= 0.5)
    places = np.flatnonzero(target.members)
    for place, number in zip(places.tolist(), target.campaigns.tolist(), strict=True):
        if caught[number]:
            continue
        spoke: Counter[str] = Counter()
        for signal in stack.weigh(measured.reads[place].seen.findings, ()).signals:
            spoke[signal.group] += max(0, signal.contribution)
        groups = sorted(group for group, total in spoke.items() if total >= CORROBORATES)
        kind = ", ".join(groups) or _NOTHING
        campaigns_missed[kind].add(number)
        messages[kind] += 1
    ranked = sorted(campaigns_missed.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        kind: {"campaigns": len(numbers), "messages": messages[kind]} for kind, numbers in ranked
    }


def signals(measured: Measured) -> dict[str, Row]:
    """Return by signal its weight, the shares of sources and pools that it fires on."""
    ham = [read.seen for read in measured.reads if read.seen.legitimate]
    by_pool = count(ham, pools(ham))
    abuse = [read.seen for read in measured.reads if not read.seen.legitimate]
    by_source = count(abuse, {seen.source: seen.source for seen in abuse})
    found: dict[str, Row] = {}
    for name in SPECS:
        rates = {**by_source.rates(name), **by_pool.rates(name)}
        found[name] = {
            "weight": measured.whole.signals[name].weight,
            **{source: round(rate, 5) for source, rate in rates.items()},
        }
    return found
