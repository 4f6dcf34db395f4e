"""Exact label counts of who sends and of what is linked to, as a voter of the stack."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.vector import SCHEMA
from models.sample import Sample

__all__ = ["KEYS", "Counts"]

KEYS: Final = ("pair", "address", "sender", "network", "links")
"""What is counted, most particular first: columns `KEY.spam` and `KEY.ham` of the vector."""

_PLACES: Final = [SCHEMA.names.index(f"{key}.{side}") for key in KEYS for side in ("spam", "ham")]
_PRIOR: Final = 0.5
_CLIP: Final = 15.0


class Counts:
    """Log odds of abuse by the labels that pair, address, domain, network and links have had.

    The sum over the keys of ln((spam + 1/2) / (ham + 1/2)): a half on each side is the least
    biased correction of log odds (Haldane 1956, Anscombe 1956), so that one label says 1.1 and
    ten say 3. A key that nobody has labelled, or that could not be read, says 0. The counts are
    read before a message's own label can come, so no label votes on its own message.
    """

    def predict(self, batch: Sequence[Sample]) -> NDArray[np.float64]:
        """Return logits within 15, shape (n,), each from its sample's vector alone, to the bit."""
        # Plain floats: a vector's log may differ in its last bit with the place in the vector.
        return np.array([_logit(sample.vector[_PLACES].tolist()) for sample in batch], np.float64)


def _logit(counts: Sequence[float]) -> float:
    logit = 0.0
    for spam, ham in zip(counts[::2], counts[1::2], strict=True):
        if spam > 0 or ham > 0:  # false for NaN too: nothing was read
            logit += math.log((max(spam, 0.0) + _PRIOR) / (max(ham, 0.0) + _PRIOR))
    return max(-_CLIP, min(_CLIP, logit))
