"""What a model says of a message, as a finding: its margin, clipped and put in words."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from detectors.signals import Finding
from models.classifier import Prediction

__all__ = ["CLIP", "LEARNED", "SPOKEN", "clipped", "logits_of", "read_margin", "signal_of"]

LEARNED: Final = "learned"
"""The models' group, and the prefix of their signals' names."""

CLIP: Final = 15.0
"""Logits beyond which a model's margin says no more."""

_SURE = 2.0  # logits: about seven to one
SPOKEN: Final = {
    "text": "text model",
    "bayes": "naive Bayes model",
    "counts": "tally of labels",
    "behaviour": "behaviour model",
}
"""Models as sentences call them."""


class _Said(Protocol):
    """A verdict's signal, as far as it is read here."""

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> Mapping[str, str | int | float | bool]: ...


def logits_of(signals: Iterable[_Said]) -> dict[str, float]:
    """Return each model's logit by its name, as a verdict's signals quote it (read_margin)."""
    found = {}
    for signal in signals:
        logit = signal.inputs.get("logit")
        if signal.name.startswith(f"{LEARNED}_") and isinstance(logit, int | float):
            found[signal.name.removeprefix(f"{LEARNED}_")] = float(logit)
    return found


def signal_of(model: str) -> str:
    """Return the name of the signal that a model's margin is."""
    return f"{LEARNED}_{model}"


def clipped(prediction: Prediction) -> float:
    """Return a model's margin in logits, within the bounds in which it says something."""
    return max(-CLIP, min(CLIP, prediction.logit))


def read_margin(prediction: Prediction, kind: str) -> Finding:
    """Return a prediction as a finding; `kind` is the mail's, '' for none that is discounted."""
    margin = clipped(prediction)
    side = "abuse" if margin > 0 else "legitimate mail"
    verb = "takes it for" if abs(margin) >= _SURE else "leans to"
    model = SPOKEN.get(prediction.model, prediction.model)
    return Finding(
        signal_of(prediction.model),
        f"The {model} {verb} {side} (margin {margin:+.2f})",
        margin,
        {"logit": round(prediction.logit, 6)},
        kind,
        inside=bool(kind),  # a model reads the whole, what the mail brings along too
    )
