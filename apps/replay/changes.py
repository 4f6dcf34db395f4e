"""What a what-if changes about a policy: thresholds, signals left out, rules that come first.

Given as text on a command line, read once, put on every policy that verdicts name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast, get_args

from msgspec.structs import replace

from detectors.actions import ACTIONS, Action
from detectors.margins import signal_of
from detectors.nearest import meant
from detectors.policy import Policy, PolicySet, Rule, SignalSetting
from detectors.policy_keys import CLASSES, DIRECTIONS, THRESHOLD, THRESHOLD_ACTIONS
from detectors.rules import ExpressionError, compile_condition
from detectors.signals import AbuseClass
from detectors.stack import Stack
from detectors.thresholds import contradiction
from features.envelope import Direction

__all__ = ["Changes", "ChangesError", "read_changes", "read_rule"]

_REASON: Final = "tried by a what-if"


class ChangesError(ValueError):
    """What is to be otherwise can't be: one line that says what was given and what is allowed."""


@dataclass(frozen=True, slots=True)
class _Threshold:
    """A threshold as given: no direction or class is any, and a score of 0 is never."""

    direction: Direction | None
    class_: AbuseClass | None
    action: Action
    score: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be otherwise in each policy; none of it leaves a policy as it is."""

    thresholds: tuple[_Threshold, ...] = ()
    without: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def on(self, policies: PolicySet) -> PolicySet:
        """Return a host's policies with the changes; raises ChangesError where they conflict."""
        if self == Changes():
            return policies
        tenants = {name: self._on(policy, name) for name, policy in policies.tenants.items()}
        return PolicySet(self._on(policies.default, ""), tenants)

    def words(self) -> tuple[str, ...]:
        """Say what is otherwise, a line each."""
        thresholds = [
            f"{it.action} "
            + (f"from {it.score:g} on" if it.score else "never by score")
            + (f", class {it.class_}" if it.class_ else "")
            + (f", {it.direction}" if it.direction else "")
            for it in self.thresholds
        ]
        without = [f"without {name}" for name in self.without]
        rules = [f"rule {rule.name}: {rule.action} if {rule.when}" for rule in self.rules]
        return (*thresholds, *without, *rules)

    def _on(self, policy: Policy, tenant: str) -> Policy:
        thresholds = {
            direction: {class_: dict(actions) for class_, actions in by_class.items()}
            for direction, by_class in policy.thresholds.items()
        }
        for change in self.thresholds:
            for direction in _directions(policy, change):
                by_class = thresholds.setdefault(direction, {})
                if change.class_:
                    by_class.setdefault(change.class_, {})[change.action] = change.score
                    continue
                by_class.setdefault("", {})[change.action] = change.score
                for actions in by_class.values():
                    if change.action in actions:
                        actions[change.action] = change.score
        off = {
            name: replace(policy.signals.get(name, SignalSetting()), mode="draft")
            for name in self.without
        }
        names = {rule.name for rule in self.rules}
        kept = tuple(rule for rule in policy.rules if rule.name not in names)
        changed = replace(
            policy,
            thresholds=thresholds,
            signals={**policy.signals, **off},
            rules=(*self.rules, *kept),
        )
        if self.thresholds:
            _agree(changed, tenant)
        return changed


def read_changes(
    thresholds: Iterable[str], without: Iterable[str], rules: Iterable[str], stack: Stack
) -> Changes:
    """Read what was given as [DIRECTION.][CLASS.]ACTION=SCORE, SIGNAL and [ACTION:]CEL.

    Raises ChangesError; of a rule with line and column, counted from 1 within what was given.
    """
    return Changes(
        tuple(map(_threshold, thresholds)),
        tuple(_signal(name, stack) for name in without),
        tuple(read_rule(rule, f"what-if-{at}") for at, rule in enumerate(rules, 1)),
    )


def read_rule(text: str, name: str = "what-if") -> Rule:
    """Read a rule given as [ACTION:]CEL, reject by default; raises ChangesError with its place."""
    action, colon, condition = text.partition(":")
    if colon and action.strip() in ACTIONS:
        skipped = action + colon
        found = cast("Action", action.strip())
    else:
        skipped, found, condition = "", "reject", text
    try:
        compile_condition(condition)
    except ExpressionError as error:
        column = error.column
        if error.line == 1 + skipped.count("\n"):
            column += len(skipped)
        raise ChangesError(f"rule, line {error.line}, column {column}: {error}") from None
    return Rule(name, condition.strip(), found, _REASON)


def _threshold(text: str) -> _Threshold:
    where, equals, score = text.partition("=")
    *scopes, action = [part.strip() for part in where.split(".")]
    direction = scopes.pop(0) if scopes and scopes[0] in DIRECTIONS else None
    class_ = scopes.pop(0) if scopes and scopes[0] in CLASSES else None
    if not equals or scopes or action not in THRESHOLD_ACTIONS:
        raise ChangesError(
            f"threshold {text!r} given, allowed: [DIRECTION.][CLASS.]ACTION=SCORE, such as "
            f"reject=0.99 or inbound.phish.quarantine=0.7; directions: {', '.join(DIRECTIONS)}; "
            f"classes: {', '.join(CLASSES)}; actions: {', '.join(THRESHOLD_ACTIONS)}"
        )
    try:
        value = float(score)
    except ValueError:
        value = 0.0
    never = score.strip() == "never"
    if not never and THRESHOLD.fault(value):
        raise ChangesError(f"threshold {text!r} given, allowed: a score above 0 and below 1, never")
    return _Threshold(
        cast("Direction | None", direction),
        cast("AbuseClass | None", class_),
        action,
        0.0 if never else value,
    )


def _directions(policy: Policy, change: _Threshold) -> list[Direction]:
    """Return where a threshold is changed: without a direction wherever the action has one.

    A policy that bounces nothing outbound doesn't begin to because inbound mail is tried on.
    """
    if change.direction:
        return [change.direction]
    everywhere: tuple[Direction, ...] = get_args(Direction)
    having = [
        direction
        for direction in everywhere
        if any(change.action in on for on in policy.thresholds.get(direction, {}).values())
    ]
    return having or list(everywhere)


def _signal(name: str, stack: Stack) -> str:
    known = stack.speaks_for
    for found in (name, signal_of(name)):
        if found in known:
            return found
    hint = meant(name, known, "docs/detectors.md names them")
    raise ChangesError(f"no signal {name!r}; {hint}")


def _agree(policy: Policy, tenant: str) -> None:
    for direction, by_class in policy.thresholds.items():
        for class_ in by_class:
            actions = {**by_class.get("", {}), **by_class[class_]}
            found = contradiction({str(action): score for action, score in actions.items()})
            if found:
                where = f"{direction}.{class_}" if class_ else direction
                whose = f" of tenant {tenant}" if tenant else ""
                milder = found.partition(" ")[0]
                todo = f"change that one too, as with --threshold {milder}=never"
                raise ChangesError(f"thresholds.{where}{whose}: {found}; {todo}")
