"""Faults at moments drawn by a seed, most of them while the learner is at work."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from apps.bench.supervised import Supervised
from apps.bench.topic_tail import TopicTail
from apps.local.errors import StackError
from apps.local.stack import LocalStack
from streams.model_records import StepRecord, read_model_record
from streams.settings import Settings

__all__ = ["Fault", "Faults", "draw_faults"]

What = Literal["kill", "kill_starting", "redis", "kafka"]

_AHEAD: Final = 40  # labels that may flow on before the fault that is due
_APART: Final = 20  # labels at least between two faults, so that some of them are learned
_REDIS_AWAY: Final = 3.0  # seconds
_LATER: Final = 0.3  # seconds at most from a step to its fault
_STARTING: Final = 4.0  # seconds at most from a kill to that of the learner that starts
_PATIENCE: Final = 120.0  # seconds without a step
_THIRD: Final = 3


class Fault(NamedTuple):
    """What happens, `seconds` after the step of the label at `offset`, or one behind it, was taken.

    `kill_starting` waits for no step: it meets a learner that starts.
    """

    offset: int
    what: What
    seconds: float


def draw_faults(labels: int, kills: int, seed: int) -> list[Fault]:
    """Return the faults in their order: the kills, and a restart of Redis and of Kafka.

    Every third kill is one of a learner that has just been started again.
    """
    drawn = random.Random(seed)  # noqa: S311 - moments of faults, the same for a seed
    sorts: list[What] = [
        "kill" if n % _THIRD < _THIRD - 1 else "kill_starting" for n in range(kills)
    ]
    sorts.insert(drawn.randrange(1, kills), "redis")
    sorts.insert(drawn.randrange(1, kills), "kafka")
    room = max(1, labels - _AHEAD - _APART * len(sorts))
    offsets = sorted(drawn.randrange(room) for _ in sorts)
    return [
        Fault(
            offset + number * _APART,
            what,
            drawn.uniform(0.0, _STARTING if what == "kill_starting" else _LATER),
        )
        for number, (offset, what) in enumerate(zip(offsets, sorts, strict=True), 1)
    ]


class Faults:
    """Lets faults happen one after the other, and labels wait where they would overtake them."""

    def __init__(
        self,
        planned: Sequence[Fault],
        stack: LocalStack,
        learner: Supervised,
        say: Callable[[str], None],
    ) -> None:
        self._planned = planned
        self._stack = stack
        self._learner = learner
        self._say = say
        self._done = 0
        self._last = -1
        self._news = asyncio.Condition()
        self.made: Counter[str] = Counter()

    async def may_flow(self, number: int) -> None:
        """Return when the label of that number may flow: there is work left for faults to meet."""
        async with self._news:
            await self._news.wait_for(
                lambda: (
                    self._done == len(self._planned)
                    or number <= self._planned[self._done].offset + _AHEAD
                )
            )

    async def make(self, settings: Settings) -> None:
        """Return when all have happened; raises StackError where steps stay away."""
        following = asyncio.create_task(self._follow(settings))
        away: list[asyncio.Task[None]] = []
        started = time.monotonic()
        try:
            for fault in self._planned:
                if fault.what != "kill_starting":
                    await self._step(fault.offset, following)
                await asyncio.sleep(fault.seconds)
                self._say(f"{time.monotonic() - started:.1f} s: {fault.what}, label {self._last}")
                self.made[fault.what] += 1
                if fault.what == "redis":
                    away.append(asyncio.create_task(self._without_redis()))
                elif fault.what == "kafka":
                    await asyncio.to_thread(self._stack.restart_kafka)
                else:
                    await self._learner.kill()
                async with self._news:
                    self._last = min(self._last, fault.offset)
                    self._done += 1
                    self._news.notify_all()
            await asyncio.gather(*away)
        finally:
            following.cancel()
            await asyncio.gather(following, *away, return_exceptions=True)

    async def _step(self, offset: int, following: "asyncio.Task[None]") -> None:
        try:
            async with asyncio.timeout(_PATIENCE), self._news:
                await self._news.wait_for(lambda: self._last >= offset or following.done())
        except TimeoutError:
            raise StackError(
                f"no step of a label behind {offset} within {_PATIENCE:.0f} s; the learner's log "
                f"ends: {self._learner.tail()}"
            ) from None
        if following.done():
            following.result()

    async def _follow(self, settings: Settings) -> None:
        async with TopicTail.opened(settings, "models") as models:
            while True:
                records = [read_model_record(it.headers, it.value) for it in await models.more()]
                offsets = [it.labels.offset for it in records if isinstance(it, StepRecord)]
                if offsets:
                    async with self._news:
                        self._last = max(offsets)
                        self._news.notify_all()

    async def _without_redis(self) -> None:
        await asyncio.to_thread(self._stack.stop_redis)
        await asyncio.sleep(_REDIS_AWAY)
        await asyncio.to_thread(self._stack.start_redis)
