"""A verdict's signals as rspamd's symbols, whose scores add up to the message's."""

import re
from typing import Any, Final

from apps.hook.api.scale import in_band, scale_of
from detectors.actions import Action
from detectors.catalogue import SPECS
from detectors.verdict import Verdict

__all__ = ["score_and_symbols"]

_OTHER: Final = re.compile(r"[^A-Z0-9_]+")
_OPTION: Final = 300  # characters


def score_and_symbols(verdict: Verdict, action: Action) -> tuple[float, dict[str, dict[str, Any]]]:
    """Return the points of a message on which `action` is enforced, and its symbols by name.

    A signal's points are its share of the message's. What the policy did beyond them (a list, a
    rule, shadow mode) is a symbol of its own with the difference. Without a logit there are no
    signals: the points are those of the action.
    """
    symbols: dict[str, dict[str, Any]] = {}

    def add(name: str, points: float, what: str, said: str) -> None:
        name = unique = f"WEIR_{_OTHER.sub('_', name.upper()).strip('_')}"
        number = 2
        while unique in symbols:
            unique, number = f"{name}_{number}", number + 1
        shown = round(points, 3) + 0.0  # no -0.0
        symbols[unique] = {"name": unique, "score": shown, "metric_score": shown}
        if what:
            symbols[unique]["description"] = what
        if said:
            symbols[unique]["options"] = [" ".join(said.split())[:_OPTION]]

    points = 0.0
    if verdict.logit is not None:
        scale = scale_of(verdict)
        points = scale.points(verdict.logit)
        moved = verdict.logit - verdict.bias
        each = points / moved if moved else 0.0  # the bias is worth no points
        for signal in verdict.signals:
            spec = SPECS.get(signal.name)
            what = spec.what if spec else f"What the model {signal.name} makes of the message."
            add(signal.name, signal.contribution * each, what, signal.reason)
    held = in_band(points, action)
    rest = held - points
    for override in verdict.overrides:
        add(override.name, rest, f"The policy says {override.action}.", override.reason)
        rest = 0.0
    if abs(rest) >= 0.01:
        add("policy", rest, f"The policy makes it {action}, whatever the points.", "")
    if verdict.degraded:
        add("degraded", 0.0, "Judged without these parts.", ", ".join(verdict.degraded))
    return held, symbols
