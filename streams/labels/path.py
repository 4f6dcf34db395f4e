"""How far a label has come, as whoever handles it tells: `weir label --status` shows it.

It is told for people and decides nothing: what is lost is told no more. In Redis there is a hash
for each label, `label-path:<label id>`, with a field for each stage that was passed; an embedded
installation keeps the same in its own file (streams.stores.told).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol, cast

import msgspec
from redis.asyncio import Redis

from streams.settings import Settings
from streams.stores.told import Told

__all__ = ["STAGES", "LabelPaths", "Passed", "Paths", "Stage", "ToldPaths"]

Stage = Literal[
    "received", "matched", "counted", "learned", "published", "revoked", "retracted", "refused"
]

STAGES: Final[tuple[Stage, ...]] = (
    "received",
    "matched",
    "counted",
    "learned",
    "published",
    "revoked",
    "retracted",
    "refused",
)

_HOUR: Final = 3600
_DETAIL: Final = 300  # characters
_UNPUBLISHED: Final = 10_000  # labels whose steps wait, the latest of them


class Passed(NamedTuple):
    """A label has passed a stage at time `at` (epoch seconds).

    Whoever tells gives the label's append time, which "received" keeps; the other stages are noted
    at the time they are told. `detail` says of "received" the label's offset, of "matched" the
    message's id, of "learned" the sequence of its step, of "refused" why, and of the others what
    a person may want to know.
    """

    label: str
    stage: Stage
    at: float
    detail: str = ""


class Paths(Protocol):
    """The paths of labels. Every method raises RedisError or StoreError where they can't be."""

    async def tell(self, passed: Sequence[Passed]) -> None:
        """Note stages; "received" begins a label's path anew."""
        ...

    async def published(self, sequence: int, *, waiting: int) -> int:
        """Note that steps up to a sequence are published; return how many labels' that were.

        With no step `waiting` behind it, those above it that were told of have been revoked.
        """
        ...

    async def read(self, labels: Iterable[str]) -> list[tuple[Passed, ...]]:
        """Return the path of each label in the order of time, () where nothing is known."""
        ...


class _Unpublished:
    """Labels whose steps aren't published yet, by their sequences, which rise."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, str]] = deque(maxlen=_UNPUBLISHED)

    def learned(self, passed: Iterable[Passed]) -> None:
        """Take note of what was told."""
        self._waiting.extend(
            [
                (int(each.detail), each.label)
                for each in passed
                if each.stage == "learned" and each.detail.isdecimal()
            ]
        )

    def settled(self, sequence: int, *, waiting: int) -> list[Passed]:
        """Return what has become of the first of them, for as far as it is known."""
        told: list[Passed] = []
        for number, label in self._waiting:
            if number <= sequence:
                told.append(Passed(label, "published", 0.0))
            elif not waiting:
                told.append(Passed(label, "revoked", 0.0, "the gate was closed for too long"))
        return told

    def drop(self, count: int) -> None:
        """Forget the first of them."""
        for _ in range(count):
            self._waiting.popleft()


class LabelPaths:
    """The paths of labels in Redis; they expire with the topic of labels.

    Raises RedisError where Redis can't be reached.
    """

    def __init__(
        self, redis: Redis, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._unpublished = _Unpublished()
        self._prefix = f"{settings.redis.key_prefix}label-path:"
        self._seconds = max(1, int(settings.topics.labels_hours * _HOUR))

    async def tell(self, passed: Sequence[Passed]) -> None:
        """Note stages, in one round trip; "received" begins a label's path anew."""
        if not passed:
            return
        pipe = self._redis.pipeline(transaction=False)
        for each in passed:
            key = self._prefix + each.label
            if each.stage == "received":
                pipe.delete(key)
            at = each.at if each.stage == "received" else max(each.at, self._clock())
            pipe.hset(key, each.stage, msgspec.json.encode((at, each.detail[:_DETAIL])))
            pipe.expire(key, self._seconds)
        await pipe.execute()
        self._unpublished.learned(passed)

    async def published(self, sequence: int, *, waiting: int) -> int:
        """Note that steps up to a sequence are published; return how many labels' that were.

        With no step `waiting` behind it, those above it that were told of have been revoked.
        """
        told = self._unpublished.settled(sequence, waiting=waiting)
        await self.tell(told)
        self._unpublished.drop(len(told))
        return sum(each.stage == "published" for each in told)

    async def read(self, labels: Iterable[str]) -> list[tuple[Passed, ...]]:
        """Return the path of each label in the order of time, () where nothing is known."""
        wanted = list(labels)
        if not wanted:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for label in wanted:
            pipe.hgetall(self._prefix + label)
        return [
            _path(label, found) for label, found in zip(wanted, await pipe.execute(), strict=True)
        ]


class ToldPaths:
    """The paths of labels in the file of an embedded installation; raises StoreError."""

    def __init__(self, told: Told, clock: Callable[[], float] = time.time) -> None:
        self._told = told
        self._clock = clock
        self._unpublished = _Unpublished()

    async def tell(self, passed: Sequence[Passed]) -> None:
        """Note stages; "received" begins a label's path anew."""
        self._told.begins(each.label for each in passed if each.stage == "received")
        self._told.passed(
            (
                each.label,
                each.stage,
                each.at if each.stage == "received" else max(each.at, self._clock()),
                each.detail[:_DETAIL],
            )
            for each in passed
        )
        self._unpublished.learned(passed)

    async def published(self, sequence: int, *, waiting: int) -> int:
        """Note that steps up to a sequence are published; return how many labels' that were.

        With no step `waiting` behind it, those above it that were told of have been revoked.
        """
        told = self._unpublished.settled(sequence, waiting=waiting)
        await self.tell(told)
        self._unpublished.drop(len(told))
        return sum(each.stage == "published" for each in told)

    async def read(self, labels: Iterable[str]) -> list[tuple[Passed, ...]]:
        """Return the path of each label in the order of time, () where nothing is known."""
        wanted = list(labels)
        found: dict[str, dict[str, Passed]] = {label: {} for label in wanted}
        for label, stage, at, detail in self._told.stages(list(found)):
            found[label][stage] = Passed(label, cast("Stage", stage), at, detail)
        return [_in_order(found[label]) for label in wanted]


def _path(label: str, found: dict[bytes, bytes]) -> tuple[Passed, ...]:
    passed: dict[str, Passed] = {}
    for stage in STAGES:
        if (value := found.get(stage.encode())) is not None:
            at, detail = _NOTE.decode(value)
            passed[stage] = Passed(label, stage, at, detail)
    return _in_order(passed)


def _in_order(passed: Mapping[str, Passed]) -> tuple[Passed, ...]:
    """Return stages by time; those of one moment in the order in which they are passed."""
    found = [passed[stage] for stage in STAGES if stage in passed]
    return tuple(sorted(found, key=lambda each: each.at))


_NOTE = msgspec.json.Decoder(tuple[float, str])
