"""What a model reads of one message."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.tokens import Tokens

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The whole feature vector, float32 of shape (features,), and the hashed segments if wanted."""

    vector: NDArray[np.float32]
    tokens: Tokens | None = None
