"""Published steps into the models, a few milliseconds at a time, in the judge's own thread.

Only `conclude` reads what models have learned, and it runs in that thread as one task: what runs
there between two tasks is seen whole by the next batch, under the sequence that it led to.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from models.ensemble import Ensemble
from streams.following.metrics import FollowingMetrics
from streams.following.order import Due

__all__ = ["Applier", "BadStepError"]

_T = TypeVar("_T")

_CHUNK: Final = 0.003  # seconds of the judge's thread at a time
_REST: Final = 4.0  # times as long it is left to messages afterwards


class BadStepError(RuntimeError):
    """A step that isn't readable: one line with its sequence."""


class Applier:
    """Applies steps through the thread in which the judge runs."""

    def __init__(self, executor: Executor, metrics: FollowingMetrics) -> None:
        self._executor = executor
        self._metrics = metrics

    async def apply(self, models: Ensemble, steps: Sequence[Due], sequence: int) -> None:
        """Return when all are applied; `sequence` is that of the state then.

        Raises BadStepError at a step that isn't readable; those before it are applied.
        """
        done = 0
        while done < len(steps):
            before = done
            done, took = await self._in_thread(_some, models, steps, before)
            self._metrics.seconds.inc(took)
            now = time.time()
            for due in steps[before:done]:
                self._metrics.took_effect(due, now)
            self._metrics.sequence.set(models.sequence)
            if done < len(steps):
                await asyncio.sleep(_REST * took)
        await self.name(models, sequence=sequence)

    async def name(
        self, models: Ensemble, *, sequence: int | None = None, digest: str | None = None
    ) -> None:
        """Change what verdicts call the models by, between two batches."""
        await self._in_thread(_name, models, sequence, digest)
        self._metrics.sequence.set(models.sequence)

    async def digest(self, models: Ensemble) -> str:
        """Return the digest of the models' state, worked out beside the judge: nobody writes."""
        return await asyncio.to_thread(models.state_digest)

    def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> "asyncio.Future[_T]":
        return asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


def _some(models: Ensemble, steps: Sequence[Due], start: int) -> tuple[int, float]:
    """Apply steps from `start` on for a few milliseconds; return where it ended, and the time."""
    began = time.perf_counter()
    cpu = time.thread_time()
    done = start
    for due in steps[start:]:
        try:
            models.apply(due.record.step)
        except ValueError as error:
            raise BadStepError(f"step {due.record.sequence}: {error}") from None
        models.sequence = due.record.sequence
        done += 1
        if time.perf_counter() - began >= _CHUNK:
            break
    return done, time.thread_time() - cpu


def _name(models: Ensemble, sequence: int | None, digest: str | None) -> None:
    if sequence is not None:
        models.sequence = sequence
    if digest is not None:
        models.digest = digest
