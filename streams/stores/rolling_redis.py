"""Entities in Redis: what a batch adds and asks, one call of the script a shard; its answers."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from features.rolling import KINDS, LAYOUT_VERSION, Reading
from streams.stores.budgets import Budget, share
from streams.stores.entity_records import read
from streams.stores.protocol import Move, Step
from streams.stores.rolling_script import HEAD, rolling_script, slot_of

__all__ = ["CLOSED", "Calls", "Layout", "mark_of"]

CLOSED: Final = b"CLOSED"
"""What the script answers where the namespace isn't open."""
_SLOTS: Final = {name: slot_of(kind) for name, kind in KINDS.items()}
_FIRST: Final = 2  # bit of an operation that is its message's first on the shard
_STEPS: Final[Mapping[Step, bytes]] = {"arrival": b"a", "outcome": b"o"}


def mark_of(epoch: str, partition: int, step: Step) -> bytes:
    """Return the name of a mark in a shard's bookkeeping."""
    return f"{epoch}|{partition}|{_STEPS[step].decode()}".encode()


class Layout:
    """Names of keys, and the script, for one prefix, number of shards and budgets.

    A shard's keys share its number as their hash tag, so that a cluster keeps them together.
    """

    def __init__(self, prefix: str, shards: int, budgets: Mapping[str, Budget]) -> None:
        self._prefix = f"{prefix}s{LAYOUT_VERSION}:"
        self.shards = shards
        self.pointer = f"{prefix}state"
        self.claimed = f"{self._prefix}rebuilding"  # expires with the rebuild that holds it
        self.unfinished = f"{self._prefix}unfinished"  # the namespace that it fills
        self.script = rolling_script(
            {name: share(kind, budgets[name], shards) for name, kind in KINDS.items()}
        )
        self.sha = hashlib.sha1(self.script.encode(), usedforsecurity=False).hexdigest()

    def about(self, namespace: str) -> str:
        """Return the key that holds a namespace's number of shards."""
        return f"{self._prefix}{namespace}:about"

    def lost(self, namespace: str) -> str:
        """Return the key that tells when increments were first lost."""
        return f"{self._prefix}{namespace}:lost"

    def bookkeeping(self, namespace: str, shard: int) -> str:
        """Return the key of a shard's hash of segments and marks."""
        return f"{self._prefix}{namespace}:{{{shard}}}:m"


class Calls:
    """The calls of the script that carry one step of a batch."""

    def __init__(self, step: Step, moves: Sequence[Move], shards: int) -> None:
        self._step = step
        self._moves = moves
        self._marks: dict[tuple[str, int], int] = {}
        self._operations: dict[int, list[bytes]] = {}
        self._owners: dict[int, list[tuple[int, int]]] = {}
        for at, move in enumerate(moves):
            self._plan(at, move, shards)

    def _plan(self, at: int, move: Move, shards: int) -> None:
        position = move.position
        mark, offset = 0, 0
        if position is not None:
            known = (position.epoch, position.partition)
            mark = self._marks.setdefault(known, len(self._marks) + 1)
            offset = position.offset
        pack, time, adds = HEAD.pack, move.at, move.adds
        for place, ((kind, key, _), items, tag) in enumerate(move.increments):
            shard = (key[0] << 8 | key[1]) % shards
            owners = self._owners.setdefault(shard, [])
            how = adds if owners and owners[-1][0] == at else adds | _FIRST
            head = pack(mark, how, offset, time, len(items), len(tag), _SLOTS[kind.name])
            owners.append((at, place))
            self._operations.setdefault(shard, []).extend((head, key, items, tag))

    def commands(self, layout: Layout, namespace: str) -> list[tuple[Any, ...]]:
        """Return the commands, one a shard; the order of `readings`' answers."""
        step = _STEPS[self._step]
        marks = [mark_of(epoch, partition, self._step) for epoch, partition in self._marks]
        return [
            ("EVALSHA", layout.sha, 1, layout.bookkeeping(namespace, shard), step,
             b"".join(operations), *marks)
            for shard, operations in self._operations.items()
        ]  # fmt: skip

    def readings(
        self, answers: Sequence[Sequence[bytes | None]]
    ) -> list[tuple[Reading | None, ...]]:
        """Return the readings of each move's increments from the answers to an arrival."""
        readings: list[list[Reading | None]] = [
            [None] * len(move.increments) for move in self._moves
        ]
        for owners, records in zip(self._owners.values(), answers, strict=True):
            for (at, place), record in zip(owners, records, strict=True):
                if record is not None:
                    move = self._moves[at]
                    kind = move.increments[place].entity.kind
                    readings[at][place] = read(kind, record, move.at)
        return [tuple(found) for found in readings]
