"""What is known of a message's sender when it is judged: the vector's sender part, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.columns.sender_columns import COLUMNS
from features.reported import ASKED, Hearing, Reported

__all__ = ["UNKNOWN", "History", "known"]

_PLACES: Final = MappingProxyType({column.name: at for at, column in enumerate(COLUMNS)})


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The sender part of the vector, float32 of shape (len(COLUMNS),), NaN where nothing is known.

    `correspondent` is the domain of correspondents that the sender claims or resembles, '' if none
    or unknown. `watched` is for how long (seconds) the state has seen mail at all, NaN where
    unknown: a sender is only as new as the state is old. `colleague`: the author has the name of
    somebody in the recipient's own organization, and writes from outside of it.
    `watched_outbound` is for how long outbound mail was seen, 0 where none comes, NaN where nobody
    asked: who answers nothing that our users sent is a forger only if what they send is seen.
    `reported` are the entities of the message of which reports stand, `hearing` is what the
    tenant's policy asks of them.
    Detectors read nothing else of the state, so that a replay finds what the first judgement found.
    """

    numbers: NDArray[np.float32]
    correspondent: str = ""
    watched: float = float("nan")
    colleague: bool = False
    watched_outbound: float = float("nan")
    reported: tuple[Reported, ...] = ()
    hearing: Hearing = ASKED

    def __getitem__(self, name: str) -> float:
        """Return a number by its column's name; KeyError for an unknown one."""
        return self.numbers.item(_PLACES[name])


UNKNOWN: Final = History(np.full(len(COLUMNS), np.nan, dtype=np.float32))
"""Nothing was read of the state."""


def known(
    readings: Mapping[str, float],
    correspondent: str = "",
    watched: float = float("nan"),
    watched_outbound: float = float("nan"),
    reported: tuple[Reported, ...] = (),
) -> History:
    """Return the history of which these numbers are known; KeyError for an unknown name."""
    numbers = UNKNOWN.numbers.copy()
    for name, value in readings.items():
        numbers[_PLACES[name]] = value
    return History(
        numbers,
        correspondent,
        watched=watched,
        watched_outbound=watched_outbound,
        reported=reported,
    )
