"""What a change of action means for people, and which change is to be looked at first."""

from typing import Final, Literal, get_args

from apps.replay.comparison import Consequence
from detectors.actions import ACTIONS, Action

__all__ = ["STOPPED", "consequence_of", "gravity", "is_harsher", "level"]

_LEVELS: Final[dict[Action, int]] = {
    "accept": 0,
    "add_header": 1,
    "rewrite_subject": 1,
    "defer": 2,
    "quarantine": 3,
    "reject": 4,
    "discard": 4,
}
STOPPED: Final = 3
"""The level from which mail doesn't reach a mailbox."""

_RANKS: Final = {name: rank for rank, name in enumerate(get_args(Consequence))}
_HAM_NOW: Final[dict[int, Consequence]] = {
    4: "ham now refused",
    3: "ham now held",
    2: "ham now deferred",
    1: "ham now marked",
}
_NOW: Final[dict[int, Consequence]] = {
    4: "now refused",
    3: "now held",
    2: "now deferred",
    1: "now marked",
}


def level(action: Action) -> int:
    """Return how far an action goes: 0 as it is, 1 marked, 2 deferred, 3 held, 4 refused."""
    return _LEVELS[action]


def is_harsher(before: Action, after: Action) -> bool:
    """Say whether the second of two actions is the harsher one."""
    return ACTIONS.index(after) > ACTIONS.index(before)


def consequence_of(
    before: Action, after: Action, truth: Literal["ham", "abuse", ""], *, known: bool
) -> Consequence:
    """Return what a change means; `known`: a recipient writes to the sender, who is proven."""
    to = level(after)
    freed = level(before) >= STOPPED > to
    if is_harsher(before, after):
        if truth == "ham":
            return _HAM_NOW[to]
        if truth == "abuse":
            return "abuse now stopped" if to >= STOPPED else "abuse now marked"
        return "known correspondent now stopped" if known and to >= STOPPED else _NOW[to]
    if truth == "ham":
        return "ham no longer stopped" if freed else "ham now milder"
    if truth == "abuse" and (freed or not to):
        return "abuse now let through"
    return "now milder" if to else "now let through"


def gravity(
    consequence: Consequence, before: Action, after: Action, score: float | None
) -> tuple[int, float]:
    """Return what sorts changes, the gravest first.

    Among equals those come first that the earlier `score` speaks against: mail that looked honest
    and is treated worse now, mail that looked like abuse and is treated better.
    """
    known = 0.5 if score is None else score
    return _RANKS[consequence], known if is_harsher(before, after) else 1.0 - known
