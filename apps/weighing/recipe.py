"""The recipe of a weight: ln(0.15 / the highest rate at which legitimate mail fires the signal)."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from apps.weighing.counts import SMALL, Counts
from detectors.signals import Spec
from detectors.weights import SignalWeight

__all__ = [
    "CAP",
    "ENOUGH",
    "JUDGED",
    "MEASURED",
    "RECALL",
    "SURVEY",
    "Kept",
    "reweighed",
    "weight_of",
]

RECALL = 0.15  # of every signal: real recalls would fit the weights to one collection of abuse
CAP = 6.0  # logits
ENOUGH = 10  # legitimate messages that fire a signal before a weight set by judgement gives way
SURVEY = "survey"  # prefix of pools that were measured elsewhere
ONE_KIND = 300  # messages of one source after which more of them say nothing of other mail
SURVEYED = 1_215  # messages of the survey that aren't among the public corpora
JUDGED = "set by judgement"  # how `on` begins where no measurement made the weight
MEASURED = "highest rate of legitimate mail by source"


def weight_of(rates: Mapping[str, float], messages: float) -> float:
    """Return ln(0.15 / the highest rate), in [0, CAP], given the messages that zeros rest on.

    A rate of zero counts as three in all of them (rule of three, Hanley 1983).
    """
    highest = max(3 / messages, *rates.values()) if rates else 3 / messages
    return round(min(CAP, max(0.0, math.log(RECALL / highest))), 1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays of the weights before: those set by judgement, and rates of earlier mail.

    `rates` are those of every earlier pool, of the survey alone, or none. `measure` names signals
    whose weight is worked out though it was set by judgement.
    """

    judgement: bool = True
    rates: Literal["all", "survey", "none"] = "survey"
    measure: frozenset[str] = frozenset()

    def of(self, signal: SignalWeight) -> dict[str, float]:
        """Return the rates that stay of a signal's."""
        return {
            pool: rate
            for pool, rate in signal.fp.items()
            if self.rates == "all" or (self.rates == "survey" and pool.startswith(SURVEY))
        }

    def messages(self, signal: SignalWeight) -> float:
        """Return how many earlier messages say of a signal what its kept rates say.

        Where all stays, the weight tells: it was worked out of them.
        """
        if self.rates == "all" and not signal.on.startswith(JUDGED):
            return 3 / RECALL * math.exp(signal.weight)
        return SURVEYED if any(pool.startswith(SURVEY) for pool in self.of(signal)) else 0


def _telling(counts: Counts, earlier: float) -> float:
    """Return the messages that a rate of zero rests on: the mail of all sources but the largest.

    3,900 messages of one kind that never fire a signal may be of a kind that can't; it takes other
    kinds to say that honest mail doesn't. One source alone counts as ONE_KIND messages at most.
    """
    others = counts.total - max(counts.messages.values(), default=0)
    return earlier + max(others, min(counts.total, ONE_KIND))


def reweighed(
    before: Mapping[str, SignalWeight],
    specs: Mapping[str, Spec],
    kept: Kept,
    day: date,
    counts: Counts,
) -> dict[str, SignalWeight]:
    """Return every signal's weight by what was counted and kept; recall stays as it was measured.

    One hit in a pool of a few messages says no more than one in SMALL.
    A weight set by judgement is kept where nothing fires the signal: this mail may be of a kind
    that can't. Mail that fires it often enough measures it, and less often may still lower it. A
    signal of ham keeps its weight. Raises KeyError for a signal without a weight before.
    """
    found = {}
    for name, spec in specs.items():
        old = before[name]
        rates = {pool: round(rate, 5) for pool, rate in counts.rates(name).items()}
        rates = {**kept.of(old), **rates}
        sure = {**rates, **counts.rates(name, SMALL)}
        computed = weight_of(sure, _telling(counts, kept.messages(old)))
        fired = counts.fired.get(name, Counter()).total()
        judged = kept.judgement and old.on.startswith(JUDGED) and name not in kept.measure
        weight, on = computed, MEASURED
        if spec.speaks_for == "ham" or (judged and not fired):
            weight, on = old.weight, old.on
        elif judged and fired < ENOUGH:
            weight, on = min(old.weight, computed), old.on
        found[name] = SignalWeight(weight=weight, measured=day, on=on, recall=old.recall, fp=rates)
    return found
