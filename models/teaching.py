"""What a label may move: which parts of which models, how far, and what is replayed beside it.

Labels as people send them are one-sided: what is reported is what was missed, which looks like
honest mail, and a model that follows them grows worse than one that doesn't learn. So most labels
move exact counts alone; what moves more is bounded and pulled back by mail known to be honest.
docs/decisions/0011-teaching.md has the measurements.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.label import Source
from models.lessons import lesson_of
from models.sample import Sample
from models.step import Lesson, Part, Step

__all__ = ["SHIPPED", "Known", "Labelled", "Recipe", "step_of", "untaught"]

TRUSTED: Final[frozenset[Source]] = frozenset({"analyst", "trap"})
_GRAIN: Final = 1 << 10  # weights are binary fractions, so that counts can be taken back exactly


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label that counts, beside the message that it is of, as it was judged.

    `id` is the label's, `weight` what Trust gave it, in [0, 1]. `terms` is what the stack saw
    (Judged.terms_seen). `campaign` says how many labels of plain users this message's campaign
    has taught already, of this side, in the last day.
    """

    id: str
    source: Source
    abuse: bool
    weight: float
    sample: Sample
    terms: Mapping[str, float] = field(default_factory=dict)
    campaign: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What has been labelled before: lessons to replay by side, and how many labels were trusted.

    The order of `ham` and `spam` decides what is replayed, so it must be the learner's own;
    replicas get what was chosen with the step. `trusted` counts labels of analysts and traps, of
    the rarer side.
    """

    ham: Sequence[Lesson] = ()
    spam: Sequence[Lesson] = ()
    trusted: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What each source of label may move.

    `users` and `trusted` name the parts of models that a label of theirs moves; `cap` bounds the
    gradient's move of one label, in logits; `replayed` ham follow a label of abuse, and
    `replayed_spam` spam one of ham. `campaign` bounds the labels of plain users that one campaign
    teaches in a day, for each side.
    """

    users: tuple[Part, ...] = ("bayes",)
    trusted: tuple[Part, ...] = ("bayes", "gradient", "behaviour", "fusion")
    cap: float = 0.1
    replayed: int = 10
    replayed_spam: int = 3
    campaign: int = 3


SHIPPED: Final = Recipe()


def step_of(label: Labelled, known: Known, recipe: Recipe = SHIPPED) -> Step | None:
    """Return what a label teaches, whole in itself; None where it teaches nothing.

    Deterministic: what is replayed is chosen by a hash of the label's id.
    """
    weight = round(label.weight * _GRAIN) / _GRAIN
    trusted = label.source in TRUSTED
    if weight <= 0.0 or (not trusted and label.campaign >= recipe.campaign):
        return None
    moves = recipe.trusted if trusted else recipe.users
    cap = recipe.cap if "gradient" in moves else 0.0
    first = lesson_of(
        label.sample, label.terms, abuse=label.abuse, weight=weight, moves=moves, cap=cap
    )
    lessons = [first]
    if "gradient" in moves:
        stored, count = (
            (known.ham, recipe.replayed) if label.abuse else (known.spam, recipe.replayed_spam)
        )
        lessons += [_again(stored[at], cap) for at in _chosen(label.id, len(stored), count)]
    return Step(tuple(lessons))


def untaught(step: Step) -> Step:
    """Return the step that takes a label back: the labelled message's own lesson, negated.

    Counts come out as if it had never been learned; gradient, behaviour and fusion take a step of
    the same kind the other way. What was replayed beside it was true, and stays.
    """
    first = step.lessons[0]
    return Step(
        (
            Lesson(
                slots=first.slots,
                sizes=first.sizes,
                vector=first.vector,
                terms=first.terms,
                abuse=first.abuse,
                weight=-first.weight,
                moves=first.moves,
                cap=first.cap,
            ),
        )
    )


def _again(stored: Lesson, cap: float) -> Lesson:
    """Return a stored message as it is replayed: for the gradient alone, counts had it once."""
    return Lesson(
        slots=stored.slots,
        sizes=stored.sizes,
        vector=b"",
        terms={},
        abuse=stored.abuse,
        weight=1.0,
        moves=("gradient",),
        cap=cap,
    )


def _chosen(seed: str, count: int, wanted: int) -> list[int]:
    """Return `wanted` different places below `count`, or all of them, by a hash of the seed."""
    if count <= wanted:
        return list(range(count))
    found: dict[int, None] = {}
    turn = 0
    while len(found) < wanted:
        drawn = hashlib.sha256(f"{seed}:{turn}".encode()).digest()
        found[int.from_bytes(drawn[:8]) % count] = None
        turn += 1
    return list(found)
