"""All that mail says about the signals' weights, worked out in one go."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from apps.weighing.counts import Counts, count, pools
from apps.weighing.held_out import Recipe, left_out, sums, thresholds
from apps.weighing.outcome import actions
from apps.weighing.seen import Seen
from detectors.actions import Action
from detectors.terms import Terms
from detectors.weights import Weights

__all__ = ["LEAST", "WANTED", "Measurement", "measure"]

LEAST = 200
"""Legitimate messages below which nothing is worked out: a rate of 1.5 % could show none."""

WANTED = 3_000
"""Messages from which none above a threshold says at most 0.1 % (rule of three)."""

_PARTS = 5


@dataclass(frozen=True, slots=True)
class Measurement:
    """New weights with thresholds, what they rest on, and what they would do.

    `ham` is all legitimate mail, `counts` its rates by pool, `recall` each signal's share of the
    abuse given. `acted` has the actions by source as things are, `acting` by weights that never
    saw the source (those of abuse by the new weights). `parts` says that one source only was
    given, whose fifths stand for sources.
    """

    before: Weights
    weights: Weights
    ham: Sequence[Seen]
    counts: Counts
    recall: Mapping[str, float]
    abuse: int
    acted: Mapping[str, Counter[Action]]
    acting: Mapping[str, Counter[Action]]
    parts: bool


def measure(
    seen: Sequence[Seen], before: Weights, recipe: Recipe, terms: Terms, recall_of: str = ""
) -> Measurement:
    """Work out weights, thresholds and their effect; abuse is only looked at, and fits nothing.

    Recall is of all abuse, or of the source that `recall_of` names. Raises ValueError, one line,
    for too little legitimate mail.
    """
    ham = [one for one in seen if one.legitimate]
    if len(ham) < LEAST:
        raise ValueError(
            f"{len(ham):,} distinct legitimate messages given, at least {LEAST} needed; "
            f"{WANTED:,} or more to say that 0.1 % of mail is above a threshold"
        )
    parts = len({one.unit for one in ham}) == 1
    if parts:
        ham = _in_parts(ham)
    abuse = [one for one in seen if not one.legitimate]
    pool_of = pools(ham)
    counts = count(ham, pool_of)
    by_unit = left_out(ham, pool_of, recipe, before)
    signals = recipe(counts)
    looked_at = [one for one in abuse if recall_of in {"", one.source}]
    recall = _recall(looked_at)
    if looked_at:
        signals = {
            name: msgspec.structs.replace(signal, recall=round(recall.get(name, 0.0), 4))
            for name, signal in signals.items()
        }
    whole = msgspec.structs.replace(before, signals=signals)
    scores = sums(ham, by_unit, whole)
    acted: dict[str, Counter[Action]] = {}
    for one in (*ham, *abuse):
        acted.setdefault(one.source, Counter())[one.action] += 1
    return Measurement(
        before,
        msgspec.structs.replace(whole, thresholds=thresholds(scores)),
        ham,
        counts,
        recall,
        len(looked_at),
        acted,
        actions((*ham, *abuse), by_unit, whole, terms),
        parts,
    )


def _in_parts(ham: Sequence[Seen]) -> list[Seen]:
    """Return one source's mail as fifths in the order read, which in a mailbox is that of time."""
    size = -(-len(ham) // _PARTS)
    return [
        Seen(o.source, f"{o.unit} {i // size + 1}", o.pool, o.findings, o.predictions, o.action)
        for i, o in enumerate(ham)
    ]


def _recall(abuse: Sequence[Seen]) -> dict[str, float]:
    fired = Counter(name for one in abuse for name in {finding.name for finding in one.findings})
    return {name: hits / len(abuse) for name, hits in fired.items()}
