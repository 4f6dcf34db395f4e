"""The online text model: a River classifier of two halves over hashed segments (TextModel)."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from river.base import Classifier
from river.base.typing import ClfTarget, FeatureName

from features.tokens import SLOTS, Tokens
from models.bayes import Bayes
from models.gradient import Gradient, sigmoid
from models.parts import Occurrences, Pairs, part_sums
from models.sample import Sample
from models.state import State, number, table

__all__ = ["Halves", "TextModel"]

Halves = Literal["both", "gradient", "bayes"]

_CLIP: Final = 15.0  # logits; beyond it a half says no more
_SETTINGS: Final = ("rate", "smoothing", "start", "prior", "sharpness")
_SHIFT: Final = 32 - 20


class TextModel(Classifier):
    """Logistic regression and naive Bayes over a message's segments, under a soft maximum.

    Each segment is scored together with the header part. A message's two logits are means over
    its segments, weighted by exp(sharpness * (the segment's sum of both - the highest)): a lure
    isn't diluted by honest text around it, as it would be in one sum, and an honest message
    isn't condemned by one odd window, as it would be by a hard maximum.

    `rate`, `start` and `smoothing` are the gradient half's (AdaGrad's step, its first sum of
    squares, how far targets stay from 0 and 1); `prior` is the naive Bayes half's pseudo-count.
    Both halves start from nothing and say 0. docs/decisions/0009-online-text-model.md has the
    measurements behind the defaults.
    """

    def __init__(
        self,
        rate: float = 0.004,
        smoothing: float = 0.0075,
        start: float = 0.1,
        prior: float = 1e-3,
        sharpness: float = 1.5,
    ) -> None:
        self.rate = rate
        self.smoothing = smoothing
        self.start = start
        self.prior = prior
        self.sharpness = sharpness
        self._scores: Pairs = np.zeros(SLOTS, np.complex128)  # weights, log ratios
        self._gradient = Gradient(rate, start)
        self._bayes = Bayes(prior)
        self._scratch = Occurrences.scratch()

    def predict(self, batch: Sequence[Sample]) -> NDArray[np.float64]:
        """Return both halves' logits of abuse, shape (n, 2): gradient, naive Bayes.

        Each row depends on its sample alone, to the bit. Raises ValueError for a sample without
        tokens.
        """
        # One message after the other: no sum can depend on its neighbours, and arrays of a few
        # thousand numbers stay in the cache where those of a batch don't.
        rows = [self._logits(_tokens(sample)) for sample in batch]
        return np.array(rows, np.float64).reshape(-1, 2)

    def learn(
        self,
        sample: Sample,
        abuse: bool,  # noqa: FBT001  # the truth, as y is in River's learn_one
        weight: float = 1.0,
        *,
        halves: Halves = "both",
        smoothing: float | None = None,
        cap: float = 0.0,
    ) -> None:
        """Learn one message's truth; a weight scales the step and what is counted.

        Labels that only tell what was missed (reports) make a gradient worse than none, while
        counts take them: `halves` chooses. `smoothing` replaces the model's own, `cap` bounds in
        logits how far the gradient half moves the message (0: no bound). A negative weight takes
        back: counts exactly, where weights are binary fractions, and the gradient by a step of the
        same kind. Raises ValueError for a sample without tokens.
        """
        self._learn(
            _tokens(sample),
            abuse=abuse,
            weight=weight,
            halves=halves,
            smoothing=smoothing,
            cap=cap,
        )

    def learn_one(self, x: dict[FeatureName, Any], y: ClfTarget) -> None:
        """Learn a dictionary as River has it: each pair of name and value is a binary feature."""
        self._learn(_hashed(x), abuse=bool(y), weight=1.0, halves="both", smoothing=None)

    def predict_proba_one(self, x: dict[FeatureName, Any], **kwargs: Any) -> dict[ClfTarget, float]:
        """Return the probability of False and True for a dictionary: the halves' logits summed."""
        del kwargs  # River's interface has them; nothing here depends on any
        gradient, bayes = self._logits(_hashed(x))
        probability = sigmoid(_clipped(gradient) + _clipped(bayes))
        return {False: 1.0 - probability, True: probability}

    def tables(self) -> dict[str, State]:
        """Return all that was learned, uncopied and not to be written to, for a digest."""
        return {
            **{name: float(getattr(self, name)) for name in _SETTINGS},
            "weights": self._scores.real,
            "squares": self._gradient.squares,
            "counts": self._bayes.counts.view(np.float64),  # abuse and honest by turns
            "abuse_messages": self._bayes.abuse,
            "honest_messages": self._bayes.honest,
        }

    def state(self) -> dict[str, State]:
        """Return a copy of all that was learned, and the settings it was learned under."""
        return {
            **{name: float(getattr(self, name)) for name in _SETTINGS},
            "weights": self._scores.real.copy(),
            "squares": self._gradient.squares.copy(),
            "abuse": self._bayes.counts.real.copy(),
            "honest": self._bayes.counts.imag.copy(),
            "abuse_messages": self._bayes.abuse,
            "honest_messages": self._bayes.honest,
        }

    def restore(self, state: Mapping[str, State]) -> None:
        """Become the model whose state this is, to the bit.

        Raises ArtifactError where it is none, and stays what it was.
        """
        settings = {name: number(state, name) for name in _SETTINGS}
        scores: Pairs = np.zeros(SLOTS, np.complex128)
        scores.real = table(state, "weights", SLOTS)
        gradient = Gradient(settings["rate"], settings["start"])
        gradient.squares[:] = table(state, "squares", SLOTS)
        bayes = Bayes(settings["prior"])
        bayes.counts.real = table(state, "abuse", SLOTS)
        bayes.counts.imag = table(state, "honest", SLOTS)
        bayes.abuse = number(state, "abuse_messages")
        bayes.honest = number(state, "honest_messages")
        scores.imag = bayes.ratios()
        for name, value in settings.items():
            setattr(self, name, value)
        self._scores, self._gradient, self._bayes = scores, gradient, bayes

    def _logits(self, tokens: Tokens) -> tuple[float, float]:
        sums = _segment_sums(self._scores.take(tokens.slots), tokens.sizes)
        gradient = [total.real for total in sums]
        balance = self._bayes.balance()
        if balance is None:
            bayes = [0.0] * len(sums)
        else:
            header, *segments = tokens.sizes
            lengths = [header + size for size in segments] or [header]
            bayes = [
                total.imag / max(length, 1) + balance
                for total, length in zip(sums, lengths, strict=True)
            ]
        if len(sums) == 1:
            return gradient[0], bayes[0]
        # Plain floats: a vector's exp may differ in its last bit with the place in the vector.
        scores = [_clipped(a) + _clipped(b) for a, b in zip(gradient, bayes, strict=True)]
        highest = max(scores)
        shares = [math.exp(self.sharpness * (score - highest)) for score in scores]
        whole = sum(shares)
        return (
            sum([share * value for share, value in zip(shares, gradient, strict=True)]) / whole,
            sum([share * value for share, value in zip(shares, bayes, strict=True)]) / whole,
        )

    def _learn(
        self,
        tokens: Tokens,
        *,
        abuse: bool,
        weight: float,
        halves: Halves,
        smoothing: float | None,
        cap: float = 0.0,
    ) -> None:
        where = Occurrences(tokens, self._scratch)
        scores = self._scores.take(tokens.slots)
        if halves != "bayes":
            margin = self.smoothing if smoothing is None else smoothing
            logits = [total.real for total in _segment_sums(scores, tokens.sizes)]
            scores.real += self._gradient.steps(
                where, logits, 1.0 - margin if abuse else margin, weight, cap
            )
        if halves != "gradient":
            scores.imag = self._bayes.learn(where, weight, abuse=abuse)
        self._scores[tokens.slots] = scores


def _segment_sums(scores: Pairs, sizes: Sequence[int]) -> list[complex]:
    """Return each segment's sum of scores, the header part's in it; else that alone."""
    header, *segments = part_sums(scores, sizes)
    return [header + segment for segment in segments] or [header]


def _clipped(logit: float) -> float:
    return max(-_CLIP, min(_CLIP, logit))


def _tokens(sample: Sample) -> Tokens:
    if sample.tokens is None:
        raise ValueError("a sample without tokens given, the text model reads nothing else")
    return sample.tokens


def _hashed(features: dict[FeatureName, Any]) -> Tokens:
    pairs = [f"{name}={value}".encode("utf-8", "replace") for name, value in features.items()]
    keys = {zlib.crc32(pair) >> _SHIFT for pair in pairs}
    return Tokens(np.array(sorted(keys), np.intp), (len(keys),))
