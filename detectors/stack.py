"""The one stack: findings and predictions become contributions that add up to the logit."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import NamedTuple

from detectors.actions import MICRO
from detectors.catalogue import SPECS
from detectors.enclosed import told
from detectors.margins import LEARNED, read_margin, signal_of
from detectors.policy import Mode, SignalSetting
from detectors.priors import priors
from detectors.signals import AbuseClass, Finding, Signal, Spec, plain_inputs
from detectors.weights import Weights, WeightsError, read_weights
from models.classifier import Prediction
from models.fusion import Fusion

__all__ = [
    "CORROBORATES",
    "DAMPING",
    "Stack",
    "Weighed",
    "shipped_stack",
    "shipped_weights_text",
]

_ENCLOSED_SURE = 4.0  # logits of an enclosed message from which it speaks in full
DAMPING = (1, 2, 4)  # what a group's first, second and each further finding are divided by
CORROBORATES = MICRO // 2  # half a logit; a group that says less doesn't count as a second one


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the stack made of a message; integers are millionths of a calibrated logit.

    `logit` is `bias` plus the signals' contributions, exactly. `by_class` sums the positive
    contributions by the class they speak for; `groups` counts the groups that speak for abuse with
    at least half a logit, and may corroborate. `shadow` names the signals that would have counted.
    `seen` holds, by the name of each signal whose weight is learned, the number that its weight
    multiplied: strength or clipped logit, damped and capped.
    """

    bias: int
    logit: int
    signals: tuple[Signal, ...]
    by_class: Mapping[AbuseClass, int]
    groups: int
    shadow: tuple[str, ...]
    seen: Mapping[str, float]


class _Entry(NamedTuple):
    weight: float
    group: str
    speaks_for: AbuseClass
    mode: Mode
    fixed: bool  # the policy's own weight, which no label changes
    shipped: float


class Stack:
    """Weights of all signals and models under one policy's settings.

    Where a Fusion is in force, weights, bias and the models' cap lie between those shipped and its
    own, by its share: with no labels they are those shipped, to the bit. It may learn between two
    batches.

    Within a group and sign the strongest finding counts in full, the second half, each further
    one a quarter (they tend to say the same thing twice), and their sum is held to the group's
    cap. Models are weighed given each other, so they aren't damped, only capped.
    """

    def __init__(
        self,
        weights: Weights,
        specs: Mapping[str, Spec],
        settings: Mapping[str, SignalSetting] | None = None,
        fusion: Fusion | None = None,
    ) -> None:
        self._weights = weights
        self._specs = specs
        self._settings = dict(settings or {})
        self._fusion = fusion
        calibration = weights.stack.calibration
        self._scale = calibration.a * MICRO
        self._bias = self._scale * weights.stack.bias + MICRO * calibration.b
        self._caps = {name: round(self._scale * g.cap) for name, g in weights.groups.items()}
        self._weak = {name for name, g in weights.groups.items() if not g.corroborates}
        self._entries = {name: self._entry(name) for name in self.speaks_for}

    @property
    def bias(self) -> int:
        """The logit of a message about which nothing speaks, in millionths."""
        if self._fusion is None:
            return self.shipped_bias
        return round(_between(self._bias, self._fusion.bias, self.share))

    @property
    def shipped_bias(self) -> int:
        """The same without a fusion: for verdicts that name no model."""
        return round(self._bias)

    @property
    def speaks_for(self) -> dict[str, AbuseClass]:
        """Every signal that can contribute, models' included, with the class it speaks for."""
        known = {name: spec.speaks_for for name, spec in self._specs.items()}
        for model, learned in (*self._weights.learned.items(), *self._weights.online.items()):
            known[signal_of(model)] = learned.speaks_for
        return known

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the stack expects a prediction of: those that come with Weir."""
        return tuple(self._weights.learned)

    def require(self, model: str) -> str:
        """Return the model's name; raises WeightsError where the stack has no weight for it."""
        if model not in self._weights.learned and model not in self._weights.online:
            raise WeightsError(f"weights: learned.{model}: missing for this model")
        return model

    def adjusted(self, settings: Mapping[str, SignalSetting]) -> "Stack":
        """Return this stack under a policy's own weights and modes."""
        return Stack(self._weights, self._specs, settings, self._fusion)

    def fused(self, fusion: Fusion) -> "Stack":
        """Return this stack with an online fusion in force."""
        return Stack(self._weights, self._specs, self._settings, fusion)

    def fresh_fusion(self, patience: float | None = None) -> Fusion:
        """Return a fusion that has learned nothing, with this stack's weights as its priors.

        `patience` replaces that of the weights: 0 where there is nothing else to go by.
        """
        return priors(self._weights, self._specs, patience)

    def weight(self, name: str) -> float:
        """Return a signal's shipped or set weight, in raw logits; KeyError for an unknown name."""
        return self._entries[name].weight

    def shipped(self, name: str) -> float:
        """Return the weight a signal comes with, in raw logits; KeyError for an unknown name."""
        return self._entries[name].shipped

    @property
    def share(self) -> float:
        """How far weights are those learned here, in [0, 1]; 0 without a fusion."""
        return 0.0 if self._fusion is None else self._fusion.share

    def in_force(self, name: str) -> float:
        """Return a signal's weight in force, in calibrated logits; KeyError for an unknown name."""
        return self._in_force(name, self._entries[name], self.share) / MICRO

    def corroborates(self, group: str) -> bool:
        """Say whether a group may count among those that a rejection needs."""
        return group not in self._weak

    def weigh(self, findings: Iterable[Finding], predictions: Sequence[Prediction]) -> Weighed:
        """Turn findings and predictions into contributions, bias and logit.

        A finding that isn't in the catalogue, or comes a second time, doesn't count. Raises
        WeightsError for a prediction of a model that has no weight.
        """
        live: dict[str, tuple[int, Finding]] = {}
        shadow = []
        seen: dict[str, float] = {}
        findings = tuple(findings)
        kind = _kind_among(findings)
        share = self.share
        for prediction in predictions:
            self.require(prediction.model)
        for finding in (*findings, *[read_margin(prediction, kind) for prediction in predictions]):
            entry = self._entries.get(finding.name)
            if entry is None or entry.mode == "draft" or finding.name in live:
                continue
            if entry.mode == "shadow":
                shadow.append(finding.name)
                continue
            strength = self.strength(finding)
            if finding.within:
                if not strength:
                    continue
                worst = self._worst(finding)
                finding = told(finding, worst.logit, worst.signals)  # noqa: PLW2901 - in words
            value = round(self._in_force(finding.name, entry, share) * strength)
            if not entry.fixed:
                seen[finding.name] = strength
            if value or not self._is_online(finding.name):
                live[finding.name] = (value, finding)
        return self._sum(live, tuple(sorted(set(shadow))), seen)

    def strength(self, finding: Finding) -> float:
        """Return what a finding's weight is multiplied by, what its kind discounts included.

        KeyError for an unknown signal.
        """
        entry = self._entries[finding.name]
        if entry.group == LEARNED:  # a strength above 1 is a margin, and only models have one
            return finding.strength * (self.factor(finding) if finding.strength > 0 else 1.0)
        strength = min(1.0, finding.strength)
        if finding.within:
            logit = self._worst(finding).logit / MICRO
            strength *= min(1.0, max(0.0, logit / _ENCLOSED_SURE))
        return strength * self.factor(finding)

    def factor(self, finding: Finding) -> float:
        """Return what the kind of mail leaves of a finding, in [0, 1]; KeyError as for strength."""
        if not finding.kind:
            return 1.0
        entry, factors = self._entries[finding.name], self._weights.kinds.get(finding.kind)
        if factors is None or entry.speaks_for == "ham":
            return 1.0
        return factors.of(finding.name, entry.group, inside=finding.inside)

    def _worst(self, finding: Finding) -> Weighed:
        return max((self.weigh(it, ()) for it in finding.within), key=attrgetter("logit"))

    def _in_force(self, name: str, entry: _Entry, share: float) -> float:
        """Return a weight in force, in millionths of a calibrated logit."""
        shipped = self._scale * entry.weight
        if self._fusion is None or entry.fixed:
            return shipped
        return _between(shipped, self._fusion.weight(name), share)

    def _is_online(self, name: str) -> bool:
        return name.removeprefix(f"{LEARNED}_") in self._weights.online

    def _sum(
        self,
        live: Mapping[str, tuple[int, Finding]],
        shadow: tuple[str, ...],
        seen: dict[str, float],
    ) -> Weighed:
        raw: dict[tuple[str, bool], dict[str, int]] = defaultdict(dict)
        for name, (value, _) in live.items():
            raw[self._entries[name].group, value > 0][name] = value
        signals = []
        by_class: dict[AbuseClass, int] = defaultdict(int)
        groups = 0
        for (group, positive), values in raw.items():
            damped = self._damp(group, values)
            if positive and group not in self._weak:
                groups += sum(damped.values()) >= CORROBORATES
            for name, value in damped.items():
                found = live[name][1]
                inputs = plain_inputs(found.inputs)
                signals.append(Signal(name, group, value, found.reason, inputs))
                if positive:
                    by_class[self._entries[name].speaks_for] += value
                if name in seen and values[name]:
                    seen[name] *= value / values[name]
        signals.sort(key=lambda signal: (-abs(signal.contribution), signal.name))
        bias = self.bias
        logit = bias + sum(signal.contribution for signal in signals)
        return Weighed(bias, logit, tuple(signals), dict(by_class), groups, shadow, seen)

    def _damp(self, group: str, values: Mapping[str, int]) -> dict[str, int]:
        """Return the contributions of one group and sign, damped by rank and held to the cap."""
        ranked = sorted(values.items(), key=lambda item: (-abs(item[1]), item[0]))
        if group != LEARNED:
            ranked = [
                # Truncated toward zero: // would round a negative half up in size.
                (name, int(value / DAMPING[min(rank, 2)]))
                for rank, (name, value) in enumerate(ranked)
            ]
        total = abs(sum(value for _, value in ranked))
        cap = self.cap(group)
        if cap is None or total <= cap:
            return dict(ranked)
        return {
            name: (value * cap // total if value > 0 else -(-value * cap // total))
            for name, value in ranked
        }

    def cap(self, group: str) -> int | None:
        """Return what bounds a group's sum of each sign, in millionths; None for no bound."""
        cap = self._caps.get(group)
        if self._fusion is None or group != LEARNED or cap is None:
            return cap
        return round(_between(cap, self._weights.fusion.cap, self.share))

    def _entry(self, name: str) -> _Entry:
        setting = self._settings.get(name, SignalSetting())
        spec = self._specs.get(name)
        if spec is None:
            model = name.removeprefix(f"{LEARNED}_")
            learned = self._weights.learned.get(model)
            # An online model has no weight but the fusion's.
            shipped = 0.0 if learned is None else learned.weight
            group, speaks_for = LEARNED, (learned or self._weights.online[model]).speaks_for
        else:
            measured = self._weights.signals.get(name)
            shipped = 0.0 if measured is None else measured.weight
            group, speaks_for = spec.group, spec.speaks_for
        weight = shipped if setting.weight is None else setting.weight
        return _Entry(weight, group, speaks_for, setting.mode, setting.weight is not None, shipped)


def _between(shipped: float, fused: float, share: float) -> float:
    """Return the number in force, given one in millionths and one of the fusion, in logits."""
    return (1.0 - share) * shipped + share * MICRO * fused


def _kind_among(findings: Iterable[Finding]) -> str:
    """Return the kind of mail that a message's findings are marked with, '' for none."""
    return next((finding.kind for finding in findings if finding.kind), "")


@cache
def shipped_stack() -> Stack:
    """Return the stack of the shipped weights; raises WeightsError where they don't fit."""
    return Stack(read_weights(shipped_weights_text(), SPECS), SPECS)


def shipped_weights_text() -> str:
    """Return the shipped weights as they are written."""
    return (files("detectors") / "data" / "weights.toml").read_text("utf-8")
