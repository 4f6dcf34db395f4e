"""Progressive validation with delayed labels: how right each model was when it was asked.

A label comes hours or days after its verdict. What is compared is the prediction of that time, as
the verdict has it, never what a model would say after it has learned the label (Grzenda, Gomes and
Bifet, "Delayed labelling evaluation for data streams", 2020). Figures are kept apart by the label's
source: what users report is what was missed, so that no source but an audit tells of all mail.

They are exact over a window, the last messages of each source: a label that is withdrawn or
overruled is taken out of it again, which no running mean can do.
"""

from collections.abc import Iterator, Mapping
from math import exp
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.label import Source
from models.manifest import ArtifactError

__all__ = ["EDGES", "VERDICT", "WINDOW", "Bar", "Progress", "Quality", "quality"]

VERDICT: Final = "verdict"
"""Name of the whole: the verdict's own logit stands beside those of the models under it."""
WINDOW: Final = 2_000
"""Messages kept of each source."""
EDGES: Final = (-8.0, -6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0)
"""Logits between the bins of a reliability diagram: where nearly all is certain, bins of equal
width in probability would put nearly all in two of them."""

_SCHEMA: Final = 1
_CLIP: Final = 15.0  # as the stack clips: one absurd logit mustn't be the whole loss
_NUMBERS: Final = 64  # logits kept of a message


class Bar(NamedTuple):
    """One bar of a reliability diagram: messages, their mean probability, the share of abuse."""

    least: float
    most: float
    messages: int
    said: float
    true: float


class Quality(NamedTuple):
    """How good logits were on labelled messages.

    `loss` is the mean log loss in nats; `auc` the chance that abuse stands above ham, a tie half,
    None without one of each; `error` the expected calibration error, the mean over messages of the
    distance between a bin's probability and its share of abuse (Naeini et al., 2015).
    """

    abuse: int
    ham: int
    loss: float
    auc: float | None
    error: float
    bins: tuple[Bar, ...]

    @property
    def messages(self) -> int:
        """Labelled messages."""
        return self.abuse + self.ham


class _Seen(msgspec.Struct, frozen=True, array_like=True):
    abuse: bool
    logits: dict[str, float]


class _State(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    window: int
    windows: dict[str, dict[str, _Seen]]
    labels: dict[str, tuple[int, int]]


class Progress:
    """Labelled predictions of the last `window` messages of each source.

    At most 6 sources and so many messages: 5 MB with six models each.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._seen: dict[str, dict[str, _Seen]] = {}
        self._source: dict[str, str] = {}
        self._labels: dict[str, tuple[int, int]] = {}

    def observe(
        self,
        message: str,
        logits: Mapping[str, float],
        *,
        abuse: bool | None,
        source: Source | None,
    ) -> None:
        """Take in what stands of a message now; replaces whatever stood of it before.

        Call it whenever a label, a retraction or an overruling changes what stands, and again for
        the same label if it is delivered again: the result is the same.

        Args:
            message: the message's id.
            logits: the verdict's under VERDICT, each model's under its name (natural log, not
                weighed), as the verdict has them; what isn't finite is left out.
            abuse: the standing truth; None where none stands (withdrawn, contradicted, or one
                recipient's "unwanted").
            source: the weightiest source of the standing truth; None with `abuse` None.
        """
        before = self._source.pop(message, None)
        was = self._seen[before].pop(message) if before is not None else None
        kept = dict([(n, float(z)) for n, z in logits.items() if np.isfinite(z)][:_NUMBERS])
        if abuse is None or source is None or not kept:
            return
        window = self._seen.setdefault(source, {})
        window[message] = _Seen(abuse, kept)
        self._source[message] = source
        if was is None or before != source:
            ham, spam = self._labels.get(source, (0, 0))
            self._labels[source] = (ham + (not abuse), spam + abuse)
        if len(window) > self._window:
            oldest = next(iter(window))
            del window[oldest], self._source[oldest]

    def labels(self) -> dict[str, tuple[int, int]]:
        """Return by source how many (ham, abuse) came since the beginning, not only the window."""
        return dict(self._labels)

    def figures(self) -> Iterator[tuple[str, str, Quality]]:
        """Yield (model, source, quality), sources and models in alphabetical order."""
        for source, window in sorted(self._seen.items()):
            names = sorted({name for seen in window.values() for name in seen.logits})
            for name in names:
                held = [seen for seen in window.values() if name in seen.logits]
                logits = np.array([seen.logits[name] for seen in held])
                yield name, source, quality(logits, np.array([seen.abuse for seen in held]))

    def to_bytes(self) -> bytes:
        """Return all that is kept, as MessagePack."""
        return msgspec.msgpack.encode(_State(_SCHEMA, self._window, self._seen, self._labels))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Progress":
        """Read it back; raises ArtifactError, one line, where it isn't what `to_bytes` wrote."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtifactError(f"progressive validation: {error}") from None
        if state.schema != _SCHEMA or state.window < 1:
            raise ArtifactError(f"progressive validation: schema {state.schema}, {_SCHEMA} wanted")
        progress = cls(state.window)
        progress._seen, progress._labels = state.windows, state.labels
        for source, window in state.windows.items():
            progress._source |= dict.fromkeys(window, source)
        return progress


def quality(
    logits: NDArray[np.float64],
    abuse: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> Quality:
    """Return how good logits were, shape (n,), n at least 1; `abuse` is the truth of each.

    `weights`: how many messages each stands for, if not one each; numbers of messages stay those of
    the labelled.
    """
    weight = np.ones(len(logits)) if weights is None else weights
    held = np.clip(logits, -_CLIP, _CLIP)
    said = 1.0 / (1.0 + np.exp(-held))
    losses = np.logaddexp(0.0, np.where(abuse, -held, held))
    bins, error = [], 0.0
    places = np.searchsorted(EDGES, logits, side="right")
    for place in np.unique(places):
        inside = places == place
        share = float(weight[inside].sum() / weight.sum())
        bar = Bar(
            0.0 if place == 0 else _chance(EDGES[place - 1]),
            1.0 if place == len(EDGES) else _chance(EDGES[place]),
            int(inside.sum()),
            float(np.average(said[inside], weights=weight[inside])),
            float(np.average(abuse[inside], weights=weight[inside])),
        )
        bins.append(bar)
        error += share * abs(bar.said - bar.true)
    spam = int(abuse.sum())
    return Quality(
        spam,
        len(logits) - spam,
        float(np.average(losses, weights=weight)),
        _auc(logits, abuse, weight),
        error,
        tuple(bins),
    )


def _chance(logit: float) -> float:
    return 1.0 / (1.0 + exp(-logit))


def _auc(
    logits: NDArray[np.float64], abuse: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float | None:
    """Return Mann and Whitney's statistic, as a share of all pairs; ties count half."""
    spam, ham = logits[abuse], logits[~abuse]
    if not len(spam) or not len(ham):
        return None
    order = np.argsort(ham)
    ham, passed = ham[order], np.concatenate(([0.0], np.cumsum(weights[~abuse][order])))
    below = passed[np.searchsorted(ham, spam, side="left")]
    below = below + passed[np.searchsorted(ham, spam, side="right")]
    return float((weights[abuse] * below).sum() / (2.0 * weights[abuse].sum() * passed[-1]))
