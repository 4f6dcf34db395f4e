"""What classifiers are trained on, for benchmarks/classifier.py to compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.training.inputs import SUSPICIOUS, inputs
from apps.training.trees import Parameters
from features.vector import SCHEMA

__all__ = ["OLD", "VARIANTS", "Variant"]

DEFAULT = Parameters()


@dataclass(frozen=True)
class Variant:
    """What one classifier is trained on: generated messages, spam of 2002 or not, and how."""

    name: str
    fraud: int = 0
    honest: int = 0
    old_spam: bool = True
    marks_only: bool = False
    parameters: Parameters = DEFAULT

    @property
    def columns(self) -> NDArray[np.intp]:
        """The columns of the vector that it reads."""
        names = [n for n in inputs() if not self.marks_only or n in SUSPICIOUS]
        return np.array([SCHEMA.names.index(name) for name in names], dtype=np.intp)


OLD = Variant("old recipe")
RISING = Parameters(rising=True)
ADDITIVE = Parameters(rising=True, leaves=2)
VARIANTS = (
    OLD,
    Variant("fraud 300", fraud=300),
    Variant("fraud 1,500", fraud=1_500),
    Variant("fraud 1,500, no 2002 spam", fraud=1_500, old_spam=False),
    Variant("both 1,500", fraud=1_500, honest=1_500),
    Variant("both 3,000", fraud=3_000, honest=3_000),
    Variant("honest 1,500", honest=1_500),
    Variant("both 1,500, no 2002 spam", fraud=1_500, honest=1_500, old_spam=False),
    Variant("both 3,000, no 2002 spam", fraud=3_000, honest=3_000, old_spam=False),
    Variant("fraud 300, honest 3,000", fraud=300, honest=3_000),
    Variant("both 1,500, rising", fraud=1_500, honest=1_500, parameters=RISING),
    Variant(
        "both 1,500, no 2002 spam, rising",
        fraud=1_500,
        honest=1_500,
        old_spam=False,
        parameters=RISING,
    ),
    Variant(
        "both 1,500, no 2002 spam, suspicious marks only, rising",
        fraud=1_500,
        honest=1_500,
        old_spam=False,
        marks_only=True,
        parameters=RISING,
    ),
    Variant(
        "both 1,500, no 2002 spam, suspicious marks only, additive",
        fraud=1_500,
        honest=1_500,
        old_spam=False,
        marks_only=True,
        parameters=ADDITIVE,
    ),
)
