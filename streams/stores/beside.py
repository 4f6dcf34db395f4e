"""What a batch asks of Redis beside its entities: which messages it answers, and what is reported.

Standing reports are asked for only where labels are kept at all, which the answer to one key more
tells: an installation without reports pays nothing for them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from features.reported import Report, decode_reports
from streams.stores import message_index
from streams.stores.label_state import is_reported
from streams.stores.protocol import Mention, Move
from streams.stores.redis_labels import LabelKeys
from streams.stores.round_trip import Command, round_trip

__all__ = ["Asked", "Beside", "Read"]


class Asked(NamedTuple):
    """What is asked of a batch: a command; the places of entities whose reports it asks for."""

    command: Command
    moves: Sequence[Move]
    places: Sequence[Sequence[int]] | None


class Read(NamedTuple):
    """What was read of one message."""

    mentions: tuple[Mention | None, ...]
    reports: tuple[tuple[Report, ...], ...]


class Beside:
    """Asks for mentions and reports in one command, which goes with the entities' calls.

    `mentioned` is what keys of the index of Message-IDs begin with.
    """

    def __init__(self, redis: Redis, keys: LabelKeys, mentioned: str) -> None:
        self._redis = redis
        self._keys = keys
        self._mentioned = mentioned
        self._labelled = False  # whether labels were kept when last looked

    def ask(self, moves: Sequence[Move]) -> Asked:
        """Return what to ask about messages."""
        keys = [self._keys.applied]
        keys += [self._mentioned + hashed.hex() for move in moves for hashed in move.mentions]
        places = _reported(moves) if self._labelled else None
        if places:
            keys += self._of_entities(moves, places)
        return Asked(("MGET", *keys), moves, places)

    async def read(self, asked: Asked, values: Sequence[bytes | None]) -> list[Read]:
        """Return what the answer says of each message; raises RedisError or OSError.

        The first labels that are ever kept cost a trip of their own.
        """
        found = iter(values)
        self._labelled = next(found) is not None
        mentions = [tuple(_mention(next(found)) for _ in move.mentions) for move in asked.moves]
        places = asked.places
        if places is None and self._labelled:
            places = _reported(asked.moves)
            found = iter(await self._get(self._of_entities(asked.moves, places)))
        if places is None:
            return [Read(each, ()) for each in mentions]
        return [
            Read(mentioned, _reports(each, len(move.increments), found))
            for mentioned, each, move in zip(mentions, places, asked.moves, strict=True)
        ]

    def _of_entities(self, moves: Sequence[Move], places: Sequence[Sequence[int]]) -> list[str]:
        name = self._keys.reports
        return [
            name(move.increments[place].entity)
            for move, its in zip(moves, places, strict=True)
            for place in its
        ]

    async def _get(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        if not keys:
            return ()
        (values,) = await round_trip(self._redis, [("MGET", *keys)])
        if isinstance(values, Exception):
            raise values
        answer: Any = values
        return list(answer)


def _reported(moves: Sequence[Move]) -> list[list[int]]:
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
