"""What a batch asks of Redis beside its entities: which messages it answers, and what is reported.

Standing reports are asked for only where labels are kept at all, which the look-up tells on its
way: an installation without labels pays nothing for them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from features.reported import Report, decode_reports
from streams.stores import message_index
from streams.stores.label_state import is_reported
from streams.stores.protocol import Mention, Move
from streams.stores.redis_labels import LabelKeys
from streams.stores.round_trip import Command

__all__ = ["Asked", "Beside", "Read"]


class Asked(NamedTuple):
    """What is asked of a batch: a command; the places of entities whose reports it asks for."""

    command: Command
    moves: Sequence[Move]
    places: Sequence[Sequence[int]]


class Read(NamedTuple):
    """What was read of one message."""

    mentions: tuple[Mention | None, ...]
    reports: tuple[tuple[Report, ...], ...]


class Beside:
    """Asks for mentions and reports in one command, which goes with the entities' calls.

    `mentioned` is what keys of the index of Message-IDs begin with.
    """

    def __init__(self, keys: LabelKeys, mentioned: str) -> None:
        self._keys = keys
        self._mentioned = mentioned
        self._labelled = True  # as far as nobody has looked

    def looked(self, *, labelled: bool) -> None:
        """Take note of whether any label is kept."""
        self._labelled = labelled

    def ask(self, moves: Sequence[Move]) -> Asked | None:
        """Return what to ask about messages, None for nothing."""
        places = _reported(moves) if self._labelled else [()] * len(moves)
        keys = [self._mentioned + hashed.hex() for move in moves for hashed in move.mentions]
        keys += self._of_entities(moves, places)
        return Asked(("MGET", *keys), moves, places) if keys else None

    def read(self, asked: Asked, values: Sequence[bytes | None]) -> list[Read]:
        """Return what the answer says of each message."""
        found = iter(values)
        mentions = [tuple(_mention(next(found)) for _ in move.mentions) for move in asked.moves]
        return [
            Read(mentioned, _reports(each, len(move.increments), found))
            for mentioned, each, move in zip(mentions, asked.places, asked.moves, strict=True)
        ]

    def _of_entities(self, moves: Sequence[Move], places: Sequence[Sequence[int]]) -> list[str]:
        name = self._keys.reports
        return [
            name(move.increments[place].entity)
            for move, its in zip(moves, places, strict=True)
            for place in its
        ]


def _reported(moves: Sequence[Move]) -> Sequence[Sequence[int]]:
    return [
        [place for place, each in enumerate(move.increments) if is_reported(each.entity)]
        for move in moves
    ]


def _reports(
    places: Sequence[int], count: int, found: Iterator[bytes | None]
) -> tuple[tuple[Report, ...], ...]:
    """Return the reports of `count` increments' entities, those at `places` were asked about."""
    values = [next(found) for _ in places]
    if not any(values):
        return ()
    reports: list[tuple[Report, ...]] = [()] * count
    for place, value in zip(places, values, strict=True):
        if value is not None:
            reports[place] = decode_reports(value)
    return tuple(reports)


def _mention(value: bytes | None) -> Mention | None:
    return None if value is None else message_index.read(value)
