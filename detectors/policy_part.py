"""What one table of a policy file says, and how it is laid over what lies below it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from detectors.limits import Limit
from detectors.policy import ListEntry, OwnBrand, Policy, Rule, SignalSetting, Thresholds
from detectors.toml_places import Path
from models.trust import Trust

__all__ = ["Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """What one table says, and nothing of what it leaves out.

    `thresholds` are by direction, class ("" for any) and action, False for never. `discards` are
    the places that ask for the action discard.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    signals: Mapping[str, SignalSetting] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    brands: Mapping[str, OwnBrand] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    label_weights: Mapping[str, float] = field(default_factory=dict)
    allow: tuple[ListEntry, ...] = ()
    deny: tuple[ListEntry, ...] = ()
    discards: tuple[Path, ...] = ()

    def under(self, upper: "Part") -> "Part":
        """Return this part with another laid over it.

        Tables merge key by key; a rule, brand or limit replaces the one of its name; new ones
        and list entries stand before the old ones.
        """
        thresholds = {
            direction: {
                class_: {
                    **self.thresholds.get(direction, {}).get(class_, {}),
                    **upper.thresholds.get(direction, {}).get(class_, {}),
                }
                for class_ in {
                    **self.thresholds.get(direction, {}),
                    **upper.thresholds.get(direction, {}),
                }
            }
            for direction in {**self.thresholds, **upper.thresholds}
        }
        return Part(
            {**self.settings, **upper.settings},
            thresholds,
            {**self.signals, **upper.signals},
            {**upper.rules, **{k: v for k, v in self.rules.items() if k not in upper.rules}},
            {**upper.brands, **{k: v for k, v in self.brands.items() if k not in upper.brands}},
            {**upper.limits, **{k: v for k, v in self.limits.items() if k not in upper.limits}},
            {**self.labels, **upper.labels},
            {**self.label_weights, **upper.label_weights},
            upper.allow + self.allow,
            upper.deny + self.deny,
            upper.discards + self.discards,
        )

    def policy(self) -> Policy:
        """Return the policy that this part is once it lies over the shipped one."""
        settings = {k: v for k, v in self.settings.items() if k != "allow_discard"}
        settings["class_threshold"] = float(settings["class_threshold"])
        own_domains = settings.pop("own_domains", ())
        thresholds = {
            direction: {
                class_: {action: float(p) for action, p in values.items()}
                for class_, values in by_class.items()
            }
            for direction, by_class in self.thresholds.items()
        }
        return Policy(
            **settings,
            thresholds=msgspec.convert(thresholds, Thresholds),
            signals=dict(self.signals),
            rules=tuple(self.rules.values()),
            allow=self.allow,
            deny=self.deny,
            own_domains=tuple(sorted(set(own_domains))),
            brands=tuple(self.brands.values()),
            limits=tuple(self.limits.values()),
            labels=self.trust(),
        )

    def trust(self) -> Trust:
        """Return who may teach by this part, as shipped where it says nothing."""
        traps = {address.strip().lower() for address in self.labels.get("traps", ())}
        given = {**self.labels, "traps": tuple(sorted(traps)), "weights": self.label_weights}
        return msgspec.convert(given, Trust)
