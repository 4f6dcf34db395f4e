"""How far a label has come, as whoever handles it tells: `weir label --status` shows it.

One hash for each label, `label-path:<label id>`, with a field for each stage that was passed. It
is told for people and decides nothing: what is lost with Redis is told no more.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec
from redis.asyncio import Redis

from streams.settings import Settings

__all__ = ["STAGES", "LabelPaths", "Passed", "Stage"]

Stage = Literal["received", "matched", "counted", "learned", "published", "retracted", "refused"]

STAGES: Final[tuple[Stage, ...]] = (
    "received",
    "matched",
    "counted",
    "learned",
    "published",
    "retracted",
    "refused",
)

_HOUR: Final = 3600
_DETAIL: Final = 300  # characters


class Passed(NamedTuple):
    """A label has passed a stage at time `at` (epoch seconds).

    `detail` says of "received" the label's offset, of "matched" the message's id, of "learned" the
    sequence of its step, of "refused" why, and of the others what a person may want to know.
    """

    label: str
    stage: Stage
    at: float
    detail: str = ""


class LabelPaths:
    """The paths of labels in Redis; they expire with the topic of labels.

    Raises RedisError where Redis can't be reached.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
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
            pipe.hset(key, each.stage, msgspec.json.encode((each.at, each.detail[:_DETAIL])))
            pipe.expire(key, self._seconds)
        await pipe.execute()

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
