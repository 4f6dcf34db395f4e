"""From what a message weighs to what is done with it: class, thresholds, lists, rules, shadow."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from detectors.actions import MICRO, Action, Override
from detectors.lists import Keys
from detectors.policy import Policy
from detectors.rules import Value
from detectors.signals import AbuseClass
from detectors.stack import Weighed
from detectors.terms import Terms
from features.envelope import Direction

__all__ = ["Decision", "Reading", "class_of", "decide", "in_force", "on_failure"]

# The worst first, so that it names the message where two classes have the same sum.
_BY_HARM: Final[tuple[AbuseClass, ...]] = ("malware", "phish", "spam", "bulk")
_NOTHING: Final[Mapping[str, bool | None]] = MappingProxyType({})

Reading = Callable[[Action, AbuseClass, str], Callable[[str], Value]]
"""Given action by score, class, and which list matches: what gives a rule's variables."""


class Decision(NamedTuple):
    """What is done and why, as a verdict has it; `flags` name the rules that failed."""

    action: Action
    class_: AbuseClass
    thresholds: dict[str, float]
    overrides: tuple[Override, ...]
    shadow: tuple[str, ...]
    flags: tuple[str, ...]


def decide(
    weighed: Weighed,
    terms: Terms,
    direction: Direction,
    received_at: datetime,
    *,
    allow: Callable[[], Keys],
    deny: Callable[[], Keys],
    read: Reading,
    told: Mapping[str, bool | None] = _NOTHING,
) -> Decision:
    """Decide on a message; what it is looked up by is asked for only if somebody reads it.

    The first of these that speaks decides the action: live rules in the policy's order, deny
    list, allow list (not where malware speaks above the class threshold), thresholds. All that
    spoke are in `overrides`, the one that decided first. `told` is what is known of rules
    without running them (detectors.rules.Rules.run).
    """
    policy = terms.policy
    class_ = class_of(weighed, policy)
    bands = terms.bands[direction, class_]
    action = bands.decide(weighed.logit, weighed.groups)
    infected = weighed.by_class.get("malware", 0) > policy.class_threshold * MICRO
    denied = terms.deny and terms.deny.match(deny(), received_at)
    allowed = terms.allow and terms.allow.match(allow(), received_at)
    lists = (*(denied or ()), *((allowed or ()) if not infected else ()))
    listed = "deny" if denied else "allow" if allowed else ""
    ruled = terms.rules.run(read(action, class_, listed), told)
    overrides = (
        *(Override(f"rule:{rule.name}", rule.action, rule.reason) for rule in ruled.live),
        *lists,
    )
    action, withheld = in_force(overrides[0].action if overrides else action, policy)
    shadow = (
        *(f"signal:{name}" for name in weighed.shadow),
        *(f"rule:{rule.name}" for rule in ruled.shadow),
        *withheld,
    )
    failed = tuple(f"rule_error:{name}" for name in ruled.failed)
    return Decision(action, class_, dict(bands.scores), overrides, shadow, failed)


def class_of(weighed: Weighed, policy: Policy) -> AbuseClass:
    """Return the class with the highest sum if that is above the policy's threshold."""
    best, total = max(
        ((class_, weighed.by_class.get(class_, 0)) for class_ in _BY_HARM),
        key=itemgetter(1),
    )
    if total > policy.class_threshold * MICRO:
        return best
    return "spam" if weighed.logit > 0 else "ham"


def on_failure(policy: Policy, direction: Direction) -> tuple[Action, tuple[str, ...]]:
    """Return what is done with a message that broke the pipeline, as `in_force` does.

    Mail of our own users isn't deferred for our own faults.
    """
    failed = policy.on_failure
    if direction == "outbound" and failed == "defer":
        failed = "accept"
    return in_force(failed, policy)


def in_force(wanted: Action, policy: Policy) -> tuple[Action, tuple[str, ...]]:
    """Return the action in force and, in shadow mode, the one that was withheld."""
    if not policy.shadow or wanted in {"accept", "add_header"}:
        return wanted, ()
    return "add_header", (f"action:{wanted}",)
