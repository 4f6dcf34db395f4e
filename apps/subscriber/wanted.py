"""Which verdicts a subscriber wants, by what is plain to see in each."""

from collections.abc import Collection, Iterable
from typing import NamedTuple, get_args

from detectors.actions import ACTIONS
from detectors.signals import AbuseClass
from detectors.verdict import Verdict
from features.envelope import Direction

__all__ = ["KINDS", "OneOrMore", "Wanted", "wanted"]

KINDS = ("judged", "fallback", "revised")

OneOrMore = str | Iterable[str] | None
"""A value, or several of which any will do; None: whatever it is."""

_ALLOWED: dict[str, Collection[str]] = {
    "action": ACTIONS,
    "class_": get_args(AbuseClass),
    "direction": get_args(Direction),
    "kind": KINDS,
}


class Wanted(NamedTuple):
    """Values of a verdict that are wanted, of each field; None: any."""

    action: frozenset[str] | None = None
    class_: frozenset[str] | None = None
    tenant: frozenset[str] | None = None
    direction: frozenset[str] | None = None
    kind: frozenset[str] | None = None

    def __call__(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is wanted."""
        return all(
            values is None or getattr(verdict, field) in values
            for field, values in zip(self._fields, self, strict=True)
        )


def wanted(**given: OneOrMore) -> Wanted:
    """Return what is wanted; raises ValueError, one line, for a value that no verdict has."""
    chosen: dict[str, frozenset[str] | None] = {}
    for field, value in given.items():
        if value is None:
            continue
        values = frozenset([value] if isinstance(value, str) else value)
        for each in sorted(values):
            if field in _ALLOWED and each not in _ALLOWED[field]:
                raise ValueError(
                    f"{field.rstrip('_')} = {each!r}; allowed: {', '.join(_ALLOWED[field])}"
                )
        chosen[field] = values
    return Wanted(**chosen)
