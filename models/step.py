"""A learning step: all that one label teaches all online models, whole in itself."""

from typing import Literal

import msgspec

__all__ = ["Lesson", "Part", "Step"]

Part = Literal["bayes", "gradient", "behaviour", "fusion"]
"""What a lesson moves: the text model's two halves, the behaviour model, the stack."""


class Lesson(msgspec.Struct, frozen=True, array_like=True):
    """One message's part of a step.

    `slots` are the text model's hashed slots (uint32, little-endian) in parts of `sizes`; `vector`
    is the feature vector as judged (float32, little-endian); `terms` is what the stack saw.
    `cap` bounds how far the gradient half may move this message, in logits; 0: no bound.
    """

    slots: bytes
    sizes: tuple[int, ...]
    vector: bytes
    terms: dict[str, float]
    abuse: bool
    weight: float
    moves: tuple[Part, ...]
    cap: float = 0.0


class Step(msgspec.Struct, frozen=True, array_like=True):
    """The lessons of one label, in order: the labelled message, then what is replayed beside it.

    A replica that applies equal steps in equal order has the same state to the bit.
    """

    lessons: tuple[Lesson, ...]
