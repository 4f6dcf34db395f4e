"""Recorded verdicts judged stretch by stretch, here or by several processes: the same result.

What is done with a stretch is a `Task`: it opens what judging needs once a process, and makes a
tally of each stretch. Tallies merge, whatever their order, so that a run's result and digest don't
depend on who judged what.
"""

import asyncio
import multiprocessing
import signal
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, Protocol, TypeVar

from apps.replay.reading import Stretch
from apps.subscriber.recorded import Recorded
from streams import heap

__all__ = ["Task", "WorkersError", "tallied"]

_AHEAD: Final = 3  # stretches a process that are read before they are wanted

T = TypeVar("T")


class Task(Protocol[T]):
    """Something to do with recorded verdicts; it is pickled into other processes, and so is small.

    A tally travels as bytes, which `dump` makes and `load` reads.
    """

    @property
    def history(self) -> str:
        """The folder whose files the work reads (apps.replay.model_history)."""

    def open(self) -> Callable[[Sequence[Recorded]], T]:
        """Open what the work needs, once a process; what is returned makes a tally of a stretch.

        It is used by one thread, outside of any running event loop.
        """

    def dump(self, tally: T) -> bytes:
        """Return a tally as bytes."""

    def load(self, state: bytes) -> T:
        """Return the tally of bytes that `dump` made."""


class WorkersError(RuntimeError):
    """A process of a replay ended before its work did: one line."""


async def tallied(
    stretches: AsyncIterator[Stretch], task: Task[T], workers: int = 1
) -> AsyncGenerator[tuple[Stretch, T]]:
    """Yield each stretch with its tally, in the order of the stretches.

    One worker is a thread of this process; more are processes of their own, to which stretches are
    handed as they become free. What the work raises is raised here, and so is WorkersError where
    a process dies. Close it (contextlib.aclosing) to end them before the source ends.
    """
    executor, work = _started(task, workers)
    loop = asyncio.get_running_loop()
    coming: deque[tuple[Stretch, asyncio.Future[bytes]]] = deque()
    try:
        async for stretch in stretches:
            coming.append((stretch, loop.run_in_executor(executor, work, stretch.recorded)))
            if len(coming) >= workers * _AHEAD:
                first, state = coming.popleft()
                yield first, task.load(await state)
        while coming:
            first, state = coming.popleft()
            yield first, task.load(await state)
    except BrokenProcessPool:
        raise WorkersError(
            "a process of the replay ended before its work did: out of memory, or killed; "
            "fewer --workers need less memory"
        ) from None
    finally:
        for _, state in coming:
            state.cancel()
        executor.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """Opens a task with the first stretch, so that what that raises reaches whoever waits."""

    def __init__(self, task: Task[Any]) -> None:
        self._task = task
        self._work: Callable[[Sequence[Recorded]], Any] | None = None

    def __call__(self, recorded: Sequence[Recorded]) -> bytes:
        if self._work is None:
            self._work = self._task.open()
            heap.settle()  # as a worker does: what stays is looked through no more
        return self._task.dump(self._work(recorded))


def _started(task: Task[Any], workers: int) -> tuple[Executor, Callable[..., bytes]]:
    if workers == 1:
        return ThreadPoolExecutor(1, "replay"), _Worker(task)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _begin, (task,)), _work


_worker: _Worker | None = None


def _begin(task: Task[Any]) -> None:
    """Begin a process; Ctrl-C, which all processes of a terminal get, is the parent's."""
    global _worker  # noqa: PLW0603 - a pool hands its processes nothing but module state
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = _Worker(task)


def _work(recorded: Sequence[Recorded]) -> bytes:
    assert _worker is not None
    return _worker(recorded)
