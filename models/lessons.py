"""A message as a lesson of a learning step, and a lesson as what models read."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from features.tokens import SLOTS, Tokens
from features.vector import SCHEMA
from models.sample import Sample
from models.step import Lesson, Part

__all__ = ["ALL", "Material", "lesson_of", "read_lesson"]

ALL: Final[tuple[Part, ...]] = ("bayes", "gradient", "behaviour", "fusion")
_MOST_PARTS: Final = 1_000  # a message has at most 40 or so


class Material(NamedTuple):
    """A lesson beside what the models read of it; a vector or tokens that it lacks are empty."""

    lesson: Lesson
    sample: Sample


def lesson_of(
    sample: Sample,
    terms: Mapping[str, float],
    *,
    abuse: bool,
    weight: float = 1.0,
    moves: tuple[Part, ...] = ALL,
    cap: float = 0.0,
) -> Lesson:
    """Return a judged message's lesson; `terms` is what the stack saw (Judged.terms_seen)."""
    tokens = sample.tokens
    return Lesson(
        slots=b"" if tokens is None else tokens.slots.astype("<u4").tobytes(),
        sizes=() if tokens is None else tokens.sizes,
        vector=sample.vector.astype("<f4").tobytes(),
        terms=dict(terms),
        abuse=abuse,
        weight=weight,
        moves=moves,
        cap=cap,
    )


def read_lesson(lesson: Lesson) -> Material:
    """Return a lesson's sample; raises ValueError where slots, sizes or vector are none of ours."""
    if len(lesson.slots) % 4:
        raise ValueError(
            f"a lesson with {len(lesson.slots)} bytes of slots: a multiple of 4 wanted"
        )
    slots = np.frombuffer(lesson.slots, "<u4").astype(np.intp)
    sizes = lesson.sizes
    if sizes and (min(sizes[0], *sizes) < 0 or 0 in sizes[1:] or len(sizes) > _MOST_PARTS):
        raise ValueError("a lesson with an empty segment, or with too many")
    if sum(sizes) != len(slots):
        raise ValueError(f"a lesson with {len(slots)} slots in parts of {sum(sizes)}")
    if len(slots) and int(slots.max()) >= SLOTS:
        raise ValueError(f"a lesson with slot {int(slots.max())}: less than {SLOTS} wanted")
    if len(lesson.vector) not in {0, 4 * len(SCHEMA.names)}:
        raise ValueError(
            f"a lesson with a vector of {len(lesson.vector)} bytes, "
            f"{4 * len(SCHEMA.names)} or none wanted"
        )
    vector = np.frombuffer(lesson.vector, "<f4").astype(np.float32)
    return Material(lesson, Sample(vector, Tokens(slots, sizes) if sizes else None))
