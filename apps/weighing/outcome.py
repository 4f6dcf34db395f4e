"""What a policy's thresholds do with messages by given weights: actions by source."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from apps.weighing.seen import Seen
from detectors.actions import Action
from detectors.catalogue import SPECS
from detectors.deciding import class_of
from detectors.stack import Stack
from detectors.terms import Terms
from detectors.weights import Weights

__all__ = ["action_of", "actions"]


def action_of(seen: Seen, stack: Stack, terms: Terms) -> Action:
    """Return the action of inbound mail by score and class alone: rules and lists aside."""
    weighed = stack.weigh(seen.findings, seen.predictions)
    bands = terms.bands["inbound", class_of(weighed, terms.policy)]
    return bands.decide(weighed.logit, weighed.groups)


def actions(
    seen: Iterable[Seen], by_unit: Mapping[str, Weights], whole: Weights, terms: Terms
) -> dict[str, Counter[Action]]:
    """Return by source how many messages get each action, by their unit's weights or the whole."""
    settings = terms.policy.signals
    stacks = {unit: Stack(weights, SPECS, settings) for unit, weights in by_unit.items()}
    other = Stack(whole, SPECS, settings)
    found: dict[str, Counter[Action]] = defaultdict(Counter)
    for one in seen:
        found[one.source][action_of(one, stacks.get(one.unit, other), terms)] += 1
    return dict(found)
