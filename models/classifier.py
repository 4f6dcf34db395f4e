"""The offline classifier: an ONNX session that gives the raw margin, one thread, bit for bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArtifactError", "Classifier", "Prediction"]


class ArtifactError(ValueError):
    """An artifact doesn't fit: the message says which digest or schema, given and wanted."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's margin for one message, in logits (float64)."""

    model: str
    version: str
    logit: float


class Classifier:
    """A loaded artifact. `name` and `version` identify it in verdicts."""

    name: str
    version: str

    @classmethod
    def load(cls, manifest: bytes, artifact: bytes, schema_digest: str) -> "Classifier":
        """Check digest and schema of an artifact and open it; raises ArtifactError in one line."""
        raise NotImplementedError

    def predict(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return margins in logits, shape (n,), for vectors of shape (n, features)."""
        raise NotImplementedError
