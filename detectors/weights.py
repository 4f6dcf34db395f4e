"""What each signal weighs, with its measurement beside it: data/weights.toml, read strictly.

Weights, bias and caps are raw logits; the calibrated logit is `a * (bias + sum) + b`.

    [stack]
    bias = -4.0
    calibration = { a = 1.0, b = 0.0 }

    [learned.MODEL]                          # contribution: weight * clip(logit, -15, 15)
    weight = 0.5                             # at least 0
    speaks_for = "spam"                      # the class that a positive contribution counts for

    [fusion]                                 # once online models have learned: models/fusion.py
    bias = 0.0
    cap = 15.0                               # bounds the learned group, both signs
    carried = 0.25                           # share of all weights but [online] kept

    [online.MODEL]                           # the same for an online model; absent until it learns
    weight = 1.0
    speaks_for = "spam"

    [groups.NAME]
    cap = 8.0                                # bounds the sum of each sign; none: no bound
    corroborates = true                      # false: never a second group that a reject needs
    carried = 1.0                            # instead of [fusion] carried

    [kinds.KIND]                             # a kind of mail (features/mail_kind.py), checked
    groups = { links = 0.3 }                 # in [0, 1]: multiplies what speaks for abuse in the
    signals = { spf_fail = 0.5 }             # mail it brings along; a signal's own: anywhere in it

    [signals.NAME]
    weight = 4.5                             # at least 0; at most 0 if it speaks for ham
    recall = 0.109                           # share of abuse on which it fires
    fp = { easy = 0.0, modern = 0.0014 }     # share of ham on which it fires, by source
    measured = 2026-11-21
    on = "what it was measured on"

    [[thresholds]]                           # for people; what acts is the policy
    share = 0.001                            # of legitimate mail
    sum = 6.1                                # of the signals' contributions, raw, without bias
    low = 5.4                                # 90 % of resamplings of the mail lie between
    high = 7.0
    ham = 4593                               # messages that it rests on
    above = 4                                # how many of them lie above
"""

import math
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from detectors.signals import AbuseClass, Spec
from features.mail_kind import KINDS

__all__ = [
    "LearnedWeight",
    "SignalWeight",
    "Threshold",
    "Weights",
    "WeightsError",
    "read_own_weights",
    "read_weights",
]

_WHOLE = ("stack", "fusion", "thresholds")  # what an own file has instead of the shipped


class WeightsError(ValueError):
    """The weights don't fit their schema or the catalogue; the message says which key and why."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The affine map from raw to calibrated logit, a * x + b (Platt scaling, 1999); a > 0."""

    a: float = 1.0
    b: float = 0.0


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stack's prior: the raw logit of a message about which nothing speaks."""

    bias: float
    calibration: Calibration = Calibration()


class LearnedWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's weight in the stack, at least 0, and the class that its abuse counts for."""

    weight: float
    speaks_for: AbuseClass = "spam"


class Fused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the online stack begins with; weights, bias and cap are calibrated logits.

    `carried` is the share in [0, 1] that it keeps of what was measured elsewhere, given that the
    online models know much of it by then; `floor` is the least weight of a model, `patience` the
    labels of the rarer class with which the online stack has half of its say.
    """

    bias: float = 0.0
    cap: float = 15.0
    carried: float = 0.25
    floor: float = 0.02
    patience: float = 10.0


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group's bound on the sum of its signals of each sign, in raw logits; above 0.

    One that doesn't corroborate is never counted among the groups that speak for abuse. `carried`
    stands in the place of the fusion's, for what the online models don't read.
    """

    cap: float
    corroborates: bool = True
    carried: float | None = None


class SignalWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A signal's weight in raw logits, and the measurement that it comes from.

    `recall` is the share of abuse on which it fires, `fp` the share of ham by source, in [0, 1].
    """

    weight: float
    measured: date
    on: str
    recall: float | None = None
    fp: dict[str, float] = {}


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sum of signals, in raw logits, that a `share` of legitimate mail exceeds.

    Measured by weights that never saw the mail's own source. `low` and `high` bound 90 % of
    resamplings, `above` counts the `ham` beyond it. A record for people: nothing acts on it.
    """

    share: float
    sum: float
    low: float
    high: float
    ham: int
    above: int


class KindFactors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left, in [0, 1], of abuse's contributions that a kind of mail makes falsely.

    `groups` hold for what is found inside a message that it brings along, `signals` anywhere. The
    group `learned` holds for the models, which read the whole and can't say which part they mean.
    """

    groups: dict[str, float] = {}
    signals: dict[str, float] = {}

    def of(self, name: str, group: str, *, inside: bool) -> float:
        """Return a signal's factor: its own, else its group's, else 1."""
        return self.signals.get(name, self.groups.get(group, 1.0) if inside else 1.0)


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; keys of `groups` and `signals` are the catalogue's.

    Keys of `learned` are models that come with Weir, of `online` those that learn while it runs,
    of `kinds` those of features.mail_kind.
    """

    stack: Base
    learned: dict[str, LearnedWeight] = {}
    groups: dict[str, Group] = {}
    signals: dict[str, SignalWeight] = {}
    fusion: Fused = Fused()
    online: dict[str, LearnedWeight] = {}
    kinds: dict[str, KindFactors] = {}
    thresholds: tuple[Threshold, ...] = ()


def read_weights(text: str, specs: Mapping[str, Spec]) -> Weights:
    """Read the weights and hold them to the catalogue; raises WeightsError in one line.

    Every weighed signal must be in the catalogue, with the sign of the class it speaks for.
    """
    return _checked(_tables(text), specs)


def read_own_weights(text: str, shipped: str, specs: Mapping[str, Spec]) -> Weights:
    """Read an operator's weights laid over the shipped; raises WeightsError in one line.

    A signal, group or model that the own file leaves out is as shipped, and so is a missing
    [stack] or [fusion]. One that the catalogue doesn't know is refused: it would weigh nothing.
    """
    tables, own = _tables(shipped), _tables(text)
    tables.pop("thresholds", None)
    for name, value in own.items():
        below = tables.get(name)
        if isinstance(below, dict) and isinstance(value, dict) and name not in _WHOLE:
            tables[name] = {**below, **value}
        else:
            tables[name] = value
    return _checked(tables, specs)


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"weights: {error}") from error


def _checked(tables: Mapping[str, Any], specs: Mapping[str, Spec]) -> Weights:
    try:
        weights = msgspec.convert(tables, Weights, dec_hook=_refuse)
    except msgspec.ValidationError as error:
        raise WeightsError(f"weights: {error}") from error
    for key, allowed, holds in _conditions(weights, specs):
        if not holds:
            raise WeightsError(f"weights: {key}: {allowed}")
    return weights


def _refuse(wanted: type, given: Any) -> Any:
    raise TypeError(f"{given!r} is no {wanted.__name__}")


def _conditions(weights: Weights, specs: Mapping[str, Spec]) -> list[tuple[str, str, bool]]:
    """Return key, what is allowed there, and whether it holds."""
    base = weights.stack
    found = [
        ("stack.bias", "a finite number", math.isfinite(base.bias)),
        ("stack.calibration.a", "a finite number above 0", 0 < base.calibration.a < math.inf),
        ("stack.calibration.b", "a finite number", math.isfinite(base.calibration.b)),
    ]
    for table, models in (("learned", weights.learned), ("online", weights.online)):
        for name, learned in models.items():
            key = f"{table}.{name}.weight"
            found.append((key, "a finite number, at least 0", 0 <= learned.weight < math.inf))
    found += [
        (f"online.{name}", "a model of [learned] too", name not in weights.learned)
        for name in weights.online
    ]
    fused = weights.fusion
    found += [
        ("fusion.bias", "a finite number", math.isfinite(fused.bias)),
        ("fusion.cap", "a number above 0", fused.cap > 0),
        ("fusion.carried", "a share in [0, 1]", 0 <= fused.carried <= 1),
        ("fusion.floor", "a finite number, at least 0", 0 <= fused.floor < math.inf),
        ("fusion.patience", "a finite number above 0", 0 < fused.patience < math.inf),
    ]
    groups = {spec.group for spec in specs.values()} | {"learned"}
    for name, group in weights.groups.items():
        found.append((f"groups.{name}", "no such group in the catalogue", name in groups))
        found.append((f"groups.{name}.cap", "a number above 0", group.cap > 0))
        carried = 0.0 if group.carried is None else group.carried
        found.append((f"groups.{name}.carried", "a share in [0, 1]", 0 <= carried <= 1))
    found += _kind_conditions(weights.kinds, specs)
    for name, signal in weights.signals.items():
        key = f"signals.{name}"
        spec = specs.get(name)
        found.append((key, "no such signal in the catalogue", spec is not None))
        sign = -1 if spec is not None and spec.speaks_for == "ham" else 1
        allowed = "at most 0: it speaks for ham" if sign < 0 else "at least 0: it speaks for abuse"
        found.append((f"{key}.weight", allowed, 0 <= sign * signal.weight < math.inf))
        rates = [*signal.fp.values(), signal.recall or 0.0]
        found.append((key, "recall and fp are shares in [0, 1]", all(0 <= r <= 1 for r in rates)))
    for number, threshold in enumerate(weights.thresholds, 1):
        key, said = f"thresholds {number}", "a share in (0, 1)"
        found.append((f"{key}.share", said, 0 < threshold.share < 1))
        ordered = -math.inf < threshold.low <= threshold.sum <= threshold.high < math.inf
        found.append((f"{key}.sum", "a finite number from low to high", ordered))
        found.append((f"{key}.above", "from 0 to ham", 0 <= threshold.above <= threshold.ham))
    return found


def _kind_conditions(
    kinds: Mapping[str, KindFactors], specs: Mapping[str, Spec]
) -> list[tuple[str, str, bool]]:
    groups = {spec.group for spec in specs.values()} | {"learned"}
    found = []
    for kind, factors in kinds.items():
        key = f"kinds.{kind}"
        found.append((key, "no such kind of mail", kind in KINDS and kind != "ordinary"))
        for name, factor in factors.groups.items():
            found.append((f"{key}.groups.{name}", "no such group in the catalogue", name in groups))
            found.append((f"{key}.groups.{name}", "a factor in [0, 1]", 0 <= factor <= 1))
        for name, factor in factors.signals.items():
            spec = specs.get(name)
            found.append((f"{key}.signals.{name}", "no such signal", spec is not None))
            abuse = spec is None or spec.speaks_for != "ham"
            found.append((f"{key}.signals.{name}", "only what speaks for abuse", abuse))
            found.append((f"{key}.signals.{name}", "a factor in [0, 1]", 0 <= factor <= 1))
    return found
