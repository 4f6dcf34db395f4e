"""What ranks mail: the signals alone, the classifier alone, both; and the signals without parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apps.bench.corpora_seen import Read
from apps.weighing.held_out import sums
from apps.weighing.seen import Seen
from detectors.catalogue import SPECS
from detectors.signals import Finding
from detectors.stack import Stack
from detectors.verdict import MICRO
from detectors.weights import Weights
from models.classifier import Prediction

__all__ = ["MALFORMED_FROM", "ablations", "both", "classifier", "signals", "with_margin"]

Floats = NDArray[np.float64]

MALFORMED_FROM = frozenset(name for name, spec in SPECS.items() if spec.raw or "malformed" in name)
"""Signals of a From that no mail program writes: a strict receiver refuses such mail before."""


def signals(
    reads: Sequence[Read],
    by_unit: Mapping[str, Weights],
    whole: Weights,
    keep: Callable[[Read], Sequence[Finding]] = lambda read: read.seen.findings,
) -> Floats:
    """Return the signals' sum of each message, shape (1, n), of the findings that are kept."""
    seen = [replace(read.seen, findings=tuple(keep(read))) for read in reads]
    return sums(seen, by_unit, whole)[None, :]


def classifier(margins: Floats) -> Floats:
    """Return the classifier's margins as scores; a message without one is never above."""
    return np.nan_to_num(margins, nan=-np.inf)


def both(
    reads: Sequence[Read], by_unit: Mapping[str, Weights], whole: Weights, margins: Floats
) -> Floats:
    """Return the stack's logit of each message by each fold's margin, shape as the margins."""
    stacks = {unit: Stack(weights, SPECS) for unit, weights in by_unit.items()}
    other = Stack(whole, SPECS)
    found = np.empty_like(margins)
    for i, read in enumerate(reads):
        stack = stacks.get(read.seen.unit, other)
        said: dict[float, float] = {}
        for fold, margin in enumerate(margins[:, i].tolist()):
            if margin not in said:
                seen = with_margin(read.seen, margin)
                said[margin] = stack.weigh(seen.findings, seen.predictions).logit / MICRO
            found[fold, i] = said[margin]
    return found


def with_margin(seen: Seen, margin: float) -> Seen:
    """Return a message with the classifier's prediction of it exchanged; NaN for none."""
    prediction = Prediction("classifier", "held out", margin)
    return replace(seen, predictions=() if np.isnan(margin) else (prediction,))


def ablations(
    reads: Sequence[Read], by_unit: Mapping[str, Weights], whole: Weights
) -> dict[str, Floats]:
    """Return scores of the signals without what they rest on, and of each group alone."""

    def only(allowed: Callable[[str], bool]) -> Floats:
        return signals(
            reads,
            by_unit,
            whole,
            lambda read: [finding for finding in read.seen.findings if allowed(finding.name)],
        )

    found = {
        "all": signals(reads, by_unit, whole),
        "without malformed From": only(lambda name: name not in MALFORMED_FROM),
        "without the brand table": signals(reads, by_unit, whole, lambda read: read.without_brands),
        "without the lexicon": signals(reads, by_unit, whole, lambda read: read.without_phrases),
    }
    for group in dict.fromkeys(spec.group for spec in SPECS.values()):
        members = {name for name, spec in SPECS.items() if spec.group == group}
        found[f"{group} alone"] = only(members.__contains__)
    return found
