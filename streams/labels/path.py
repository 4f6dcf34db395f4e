"""How far a label has come, as whoever handles it tells: `weir label --status` shows it.

One hash for each label, `label-path:<label id>`, with a field for each stage that was passed. It
is told for people and decides nothing: what is lost with Redis is told no more.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec
from redis.asyncio import Redis

from streams.settings import Settings

__all__ = ["STAGES", "LabelPaths", "Passed", "Stage"]

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


class LabelPaths:
    """The paths of labels in Redis; they expire with the topic of labels.

    Raises RedisError where Redis can't be reached.
    """

    def __init__(
        self, redis: Redis, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._unpublished: deque[tuple[int, str]] = deque(maxlen=_UNPUBLISHED)
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
        self._unpublished.extend(
            [
                (int(each.detail), each.label)
                for each in passed
                if each.stage == "learned" and each.detail.isdecimal()
            ]
        )

    async def published(self, sequence: int, *, waiting: int) -> int:
        """Note that steps up to a sequence are published; return how many labels' that were.

        With no step `waiting` behind it, those above it that were told of have been revoked.
        """
        told: list[Passed] = []
        count = 0
        for number, label in self._unpublished:
            if number <= sequence:
                told.append(Passed(label, "published", 0.0))
                count += 1
            elif not waiting:
                told.append(Passed(label, "revoked", 0.0, "the gate was closed for too long"))
        await self.tell(told)
        for _ in told:
            self._unpublished.popleft()  # sequences rise
        return count

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


def _path(label: str, found: dict[bytes, bytes]) -> tuple[Passed, ...]:
    passed = []
    for stage in STAGES:
        if (value := found.get(stage.encode())) is not None:
            at, detail = _NOTE.decode(value)
            passed.append(Passed(label, stage, at, detail))
    passed.sort(key=lambda each: each.at)  # stable: stages of one moment keep their order
    return tuple(passed)


_NOTE = msgspec.json.Decoder(tuple[float, str])
