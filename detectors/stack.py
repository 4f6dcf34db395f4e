"""The one stack: findings and predictions become contributions that add up to the logit."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from numbers import Integral, Real
from typing import NamedTuple

from detectors.actions import MICRO
from detectors.catalogue import SPECS
from detectors.policy import Mode, SignalSetting
from detectors.signals import AbuseClass, Finding, Signal, Spec
from detectors.weights import Weights, WeightsError, read_weights
from models.classifier import Prediction

__all__ = ["CLIP", "LEARNED", "Stack", "Weighed", "shipped_stack"]

CLIP = 15.0  # logits; beyond it a model's margin says no more
_SURE = 2.0  # logits: about seven to one
LEARNED = "learned"  # the models' group, and the prefix of their signals' names
CORROBORATES = MICRO // 2  # half a logit; a group that says less doesn't count as a second one


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the stack made of a message; integers are millionths of a calibrated logit.

    `logit` is `bias` plus the signals' contributions, exactly. `by_class` sums the positive
    contributions by the class they speak for; `groups` counts the groups that speak for abuse
    with at least half a logit. `shadow` names the signals that would have counted.
    """

    bias: int
    logit: int
    signals: tuple[Signal, ...]
    by_class: Mapping[AbuseClass, int]
    groups: int
    shadow: tuple[str, ...]


class _Entry(NamedTuple):
    weight: float
    group: str
    speaks_for: AbuseClass
    mode: Mode


class Stack:
    """Weights of all signals and models under one policy's settings.

    Within a group and sign the strongest finding counts in full, the second half, each further
    one a quarter (they tend to say the same thing twice), and their sum is held to the group's
    cap. Models are weighed given each other, so they aren't damped, only capped.
    """

    def __init__(
        self,
        weights: Weights,
        specs: Mapping[str, Spec],
        settings: Mapping[str, SignalSetting] | None = None,
    ) -> None:
        self._weights = weights
        self._specs = specs
        self._settings = dict(settings or {})
        calibration = weights.stack.calibration
        self._scale = calibration.a * MICRO
        self.bias = round(self._scale * weights.stack.bias + MICRO * calibration.b)
        self._caps = {name: round(self._scale * g.cap) for name, g in weights.groups.items()}
        self._entries = {name: self._entry(name) for name in self.speaks_for}

    @property
    def speaks_for(self) -> dict[str, AbuseClass]:
        """Every signal that can contribute, models' included, with the class it speaks for."""
        known = {name: spec.speaks_for for name, spec in self._specs.items()}
        for model, learned in self._weights.learned.items():
            known[f"{LEARNED}_{model}"] = learned.speaks_for
        return known

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the stack expects a prediction of."""
        return tuple(self._weights.learned)

    def require(self, model: str) -> str:
        """Return the model's name; raises WeightsError where the stack has no weight for it."""
        if model not in self._weights.learned:
            raise WeightsError(f"weights: learned.{model}: missing for this model")
        return model

    def adjusted(self, settings: Mapping[str, SignalSetting]) -> "Stack":
        """Return this stack under a policy's own weights and modes."""
        return Stack(self._weights, self._specs, settings)

    def weight(self, name: str) -> float:
        """Return a signal's weight in force, in raw logits; KeyError for an unknown name."""
        return self._entries[name].weight

    def weigh(self, findings: Iterable[Finding], predictions: Sequence[Prediction]) -> Weighed:
        """Turn findings and predictions into contributions, bias and logit.

        A finding that isn't in the catalogue, or comes a second time, doesn't count. Raises
        WeightsError for a prediction of a model that has no weight.
        """
        live: dict[str, tuple[int, Finding]] = {}
        shadow = []
        for finding in (*findings, *map(self._learned, predictions)):
            entry = self._entries.get(finding.name)
            if entry is None or entry.mode == "draft" or finding.name in live:
                continue
            if entry.mode == "shadow":
                shadow.append(finding.name)
                continue
            # A strength above 1 is a margin, and only models have one.
            strength = finding.strength if entry.group == LEARNED else min(1.0, finding.strength)
            live[finding.name] = (round(self._scale * entry.weight * strength), finding)
        return self._sum(live, tuple(sorted(set(shadow))))

    def _sum(self, live: Mapping[str, tuple[int, Finding]], shadow: tuple[str, ...]) -> Weighed:
        raw: dict[tuple[str, bool], dict[str, int]] = defaultdict(dict)
        for name, (value, _) in live.items():
            raw[self._entries[name].group, value > 0][name] = value
        signals = []
        by_class: dict[AbuseClass, int] = defaultdict(int)
        groups = 0
        for (group, positive), values in raw.items():
            damped = self._damp(group, values)
            groups += positive and sum(damped.values()) >= CORROBORATES
            for name, value in damped.items():
                finding = live[name][1]
                signals.append(Signal(name, group, value, finding.reason, _plain(finding.inputs)))
                if positive:
                    by_class[self._entries[name].speaks_for] += value
        signals.sort(key=lambda signal: (-abs(signal.contribution), signal.name))
        logit = self.bias + sum(signal.contribution for signal in signals)
        return Weighed(self.bias, logit, tuple(signals), dict(by_class), groups, shadow)

    def _damp(self, group: str, values: Mapping[str, int]) -> dict[str, int]:
        """Return the contributions of one group and sign, damped by rank and held to the cap."""
        ranked = sorted(values.items(), key=lambda item: (-abs(item[1]), item[0]))
        if group != LEARNED:
            ranked = [
                # Truncated toward zero: // would round a negative half up in size.
                (name, int(value / (1, 2, 4)[min(rank, 2)]))
                for rank, (name, value) in enumerate(ranked)
            ]
        total = abs(sum(value for _, value in ranked))
        cap = self._caps.get(group)
        if cap is None or total <= cap:
            return dict(ranked)
        return {
            name: (value * cap // total if value > 0 else -(-value * cap // total))
            for name, value in ranked
        }

    def _entry(self, name: str) -> _Entry:
        setting = self._settings.get(name, SignalSetting())
        spec = self._specs.get(name)
        if spec is None:
            learned = self._weights.learned[name.removeprefix(f"{LEARNED}_")]
            shipped, group, speaks_for = learned.weight, LEARNED, learned.speaks_for
        else:
            measured = self._weights.signals.get(name)
            shipped = 0.0 if measured is None else measured.weight
            group, speaks_for = spec.group, spec.speaks_for
        weight = shipped if setting.weight is None else setting.weight
        return _Entry(weight, group, speaks_for, setting.mode)

    def _learned(self, prediction: Prediction) -> Finding:
        name = f"{LEARNED}_{self.require(prediction.model)}"
        margin = max(-CLIP, min(CLIP, prediction.logit))
        side = "abuse" if margin > 0 else "legitimate mail"
        verb = "takes it for" if abs(margin) >= _SURE else "leans to"
        reason = f"The {prediction.model} {verb} {side} (margin {margin:+.2f})"
        return Finding(name, reason, margin, {"logit": round(prediction.logit, 6)})


def _plain(inputs: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    """Return inputs as JSON's own scalars; floats rounded, so that float32 prints the same."""
    plain: dict[str, str | int | float | bool] = {}
    for key, value in inputs.items():
        if isinstance(value, (bool, str)):
            plain[key] = value
        elif isinstance(value, Integral):
            plain[key] = int(value) if abs(int(value)) < 1 << 53 else str(value)
        elif isinstance(value, Real) and math.isfinite(value):  # numpy's too
            plain[key] = round(float(value), 6)
        else:
            plain[key] = str(value)
    return plain


@cache
def shipped_stack() -> Stack:
    """Return the stack of the shipped weights; raises WeightsError where they don't fit."""
    text = (files("detectors") / "data" / "weights.toml").read_text("utf-8")
    return Stack(read_weights(text, SPECS), SPECS)
