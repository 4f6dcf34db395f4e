"""A condition in CEL over a verdict, in the words that rules have, and a few more.

What a rule reads of the message and a verdict doesn't hold (subject, account, recipients, the
client's address) isn't there. What isn't known of a verdict is empty, or not a number, which no
comparison matches.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from detectors.actions import MICRO
from detectors.basis import Basis
from detectors.recorded_values import RECORDED, Told
from detectors.rules import VARIABLES, Value, Variable, compile_condition
from detectors.stack import Weighed
from detectors.verdict import Verdict

__all__ = ["FIELDS", "Condition"]


def _listed(verdict: Verdict) -> str:
    """Return which list spoke; the deny list goes before the allow list."""
    lists = {each.name.partition(":")[0] for each in verdict.overrides}
    return next((name for name in ("deny", "allow") if name in lists), "")


_Reader = Callable[[Verdict], Value]

_OWN: Final[Mapping[str, tuple[Variable, _Reader]]] = {
    "id": (Variable("01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11", "the message's id"), lambda v: v.id),
    "kind": (Variable("judged", "judged, fallback or revised"), lambda v: v.kind),
    "revision": (Variable(1, "0, or which revision it is"), lambda v: v.revision),
    "received_at": (
        Variable(datetime(2000, 1, 1, tzinfo=UTC), "when the message was received, a timestamp"),
        lambda v: v.received_at,
    ),
    "score": (
        VARIABLES["score"],
        lambda v: math.nan if v.score is None else float(v.score),
    ),
    "logit": (VARIABLES["logit"], lambda v: math.nan if v.logit is None else v.logit / MICRO),
    "action": (Variable("accept", "what was decided"), lambda v: v.action),
    "class": (VARIABLES["class"], lambda v: v.class_),
    "signals": (VARIABLES["signals"], lambda v: [each.name for each in v.signals]),
    "groups": (
        Variable(["learned"], "groups of the signals that fired"),
        lambda v: sorted({each.group for each in v.signals}),
    ),
    "overrides": (
        Variable(["rule:name"], "rules and list entries that spoke, the one that decided first"),
        lambda v: [each.name for each in v.overrides],
    ),
    "listed": (VARIABLES["listed"], _listed),
    "from_domain": (VARIABLES["from_domain"], lambda v: v.from_domain),
    "sender": (Variable("id:hash", "keyed hash of From's address"), lambda v: v.sender),
    "client_net": (Variable("192.0.2.0/24", "the client's network"), lambda v: v.client_net),
    "fingerprint": (
        Variable("fingerprint", "near-duplicate fingerprint of the content, or empty"),
        lambda v: v.fingerprint,
    ),
    "shadow": (
        Variable(["rule:name"], "what would have been done or counted but is in shadow mode"),
        lambda v: list(v.shadow),
    ),
    "degraded": (
        Variable(["store"], "parts that the verdict had to do without"),
        lambda v: list(v.degraded),
    ),
    "flags": (
        Variable(
            ["truncated"], "what was odd about message or envelope, and rules that failed on it"
        ),
        lambda v: list(v.flags),
    ),
    "models": (
        Variable(["online"], "names of the models that contributed"),
        lambda v: [each.name for each in v.models],
    ),
    "policy": (Variable("digest", "digest of the policy"), lambda v: v.policy),
    "asked": (
        Variable(False, "whether the audit asks for a label of the message"),
        lambda v: v.ask.asked,
    ),
}

FIELDS: Final[Mapping[str, Variable]] = {
    **{name: variable for name, (variable, _) in _OWN.items()},
    **{name: VARIABLES[name] for name in RECORDED if name not in _OWN},
}
"""What a condition may read."""


class Condition:
    """A compiled condition; raises ExpressionError, with line and column, for one that isn't."""

    def __init__(self, when: str) -> None:
        self._expression = compile_condition(when, FIELDS)

    def holds(self, verdict: Verdict) -> bool | None:
        """Tell whether it holds for a verdict; None where it fails on it."""

        def read(name: str) -> Value:
            own = _OWN.get(name)
            return own[1](verdict) if own is not None else RECORDED[name](_told(verdict))

        return self._expression.holds(read)


def _told(verdict: Verdict) -> Told:
    """Return a verdict as those who read what is recorded take it."""
    basis = Basis() if isinstance(verdict.basis, msgspec.UnsetType) else verdict.basis
    weighed = Weighed(verdict.bias, verdict.logit or 0, verdict.signals, {}, 0, (), {})
    return Told(verdict, basis, weighed, verdict.action, verdict.class_, _listed(verdict))
