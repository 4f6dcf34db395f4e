"""What a model keeps, as plain arrays and scalars by name, and how it is read back."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import ArtifactError

__all__ = ["State", "number", "table"]

State = NDArray[Any] | float | int | str


def number(state: Mapping[str, State], name: str) -> float:
    """Return a finite number of the state; raises ArtifactError where there is none."""
    value = state.get(name)
    if not isinstance(value, float | int) or not isfinite(value):
        raise ArtifactError(f"snapshot: {name}: {_said(value)} given, a finite number wanted")
    return float(value)


def table(state: Mapping[str, State], name: str, length: int) -> NDArray[np.float64]:
    """Return an array of the state, float64 of shape (length,), perhaps not to be written to.

    Raises ArtifactError where it is missing, of another type or shape, or not finite.
    """
    value = state.get(name)
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != (length,):
        raise ArtifactError(
            f"snapshot: {name}: {_said(value)} given, float64 of shape ({length},) wanted"
        )
    if not np.isfinite(value).all():
        raise ArtifactError(f"snapshot: {name}: holds numbers that aren't finite")
    return value


def _said(value: State | None) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return "nothing" if value is None else type(value).__name__
