"""What a detector says: a named finding with its strength, its reason and what it read."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal, Protocol

import msgspec

from detectors.brands import SHIPPED, Brands
from features.context import Context
from features.evidence import Evidence

__all__ = ["AbuseClass", "Detector", "Finding", "Signal", "Spec", "plain_inputs"]

AbuseClass = Literal["spam", "phish", "malware", "bulk", "ham"]


@dataclass(frozen=True, slots=True)
class Spec:
    """A signal's entry in the catalogue: what it looks for, not what it weighs (that is data).

    `name` is unique, lower_snake_case and starts with a letter; `what` is one sentence in plain
    words; `speaks_for` is the class that it is evidence for.
    """

    name: str
    group: str
    speaks_for: AbuseClass
    what: str
    raw: bool = False  # reads the raw header, not the RFC 2047-decoded one


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal that fired: strength in (0, 1], a reason a person understands, what it quotes.

    No reason quotes a local part of an address or a passage of the body. `kind` names the checked
    kind of mail that it was found in, which the weights may discount ([kinds] of weights.toml);
    `inside`: in what such mail brings along, and not in what it says itself.
    `within` are the findings of each enclosed message: the stack makes strength and reason of the
    worst.
    """

    name: str
    reason: str
    strength: float = 1.0
    inputs: dict[str, str | int | float | bool] = field(default_factory=dict)
    kind: str = ""
    inside: bool = False
    within: tuple[tuple["Finding", ...], ...] = ()


class Signal(msgspec.Struct, frozen=True):
    """A finding with its weight in the verdict; `contribution` in millionths of a logit."""

    name: str
    group: str
    contribution: int
    reason: str
    inputs: dict[str, str | int | float | bool]


def plain_inputs(inputs: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    """Return inputs as JSON's own scalars; floats rounded, so that float32 prints the same."""
    plain: dict[str, str | int | float | bool] = {}
    for key, value in inputs.items():
        if isinstance(value, (bool, str)):
            plain[key] = value
        elif isinstance(value, float) and math.isfinite(value):  # most are, and the next tests cost
            plain[key] = round(float(value), 6)
        elif isinstance(value, Integral):
            plain[key] = int(value) if abs(int(value)) < 1 << 53 else str(value)
        elif isinstance(value, Real) and math.isfinite(value):  # numpy's too
            plain[key] = round(float(value), 6)
        else:
            plain[key] = str(value)
    return plain


class Detector(Protocol):
    """One subject's signals. Pure: the same evidence gives the same findings in the same order."""

    specs: tuple[Spec, ...]

    def detect(
        self, evidence: Evidence, context: Context, brands: Brands = SHIPPED
    ) -> Iterable[Finding]:
        """Return what fired, at most once a signal; `brands` are those of the tenant."""
        ...
