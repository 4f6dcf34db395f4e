"""Recorded verdicts judged in blocks, here or by several processes: the same result either way.

What is done with a block is a `Task`: it opens what judging needs once a process, and makes a
tally of each block. Tallies merge, whatever their order, so that a run's result and digest don't
depend on who judged what.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Final, Protocol, Self, TypeVar

from apps.replay.recorded import Recorded
from streams import heap

__all__ = ["BLOCK", "Mergeable", "Task", "WorkersError", "tallies"]

BLOCK: Final = 512
"""Verdicts a block: some tenths of a second's work, a few megabytes with their mail."""

_AHEAD: Final = 3  # blocks a process that are read before they are wanted


class Mergeable(Protocol):
    """What a block comes to: a msgspec.Struct (it may travel as MessagePack)."""

    def merge(self, other: Self) -> None:
        """Add what another block came to."""


T_co = TypeVar("T_co", bound=Mergeable, covariant=True)
T = TypeVar("T", bound=Mergeable)


class Task(Protocol[T_co]):
    """Something to do with recorded verdicts; it is pickled into other processes, and so is small.

    `mail` says whether the verdicts are to come with their messages, where these are kept.
    """

    mail: bool

    def open(self) -> Callable[[Sequence[Recorded]], T_co]:
        """Open what the work needs, once a process; what is returned makes a tally of a block."""


class WorkersError(RuntimeError):
    """A process of a replay ended before its work did: one line."""


def tallies(
    verdicts: Iterable[Recorded], task: Task[T], *, workers: int = 1, block: int = BLOCK
) -> Iterator[T]:
    """Yield the tally of each block, in the order of the verdicts.

    One worker is this process; more are processes of their own, to which blocks are handed as they
    become free. What the work raises is raised here. Whoever stops iterating ends them. Raises
    WorkersError where one of them dies.
    """
    blocks = _blocks(verdicts, block)
    if workers == 1:
        work = _opened(task)
        for each in blocks:
            yield work(each)
        return
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin, (task,)
    ) as processes:
        coming: deque[Future[T]] = deque()
        try:
            for each in blocks:
                coming.append(processes.submit(_work, each))
                if len(coming) >= workers * _AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        except BrokenProcessPool:
            raise WorkersError(
                "a process of the replay ended before its work did: out of memory, or killed; "
                "fewer --workers need less memory"
            ) from None
        finally:
            processes.shutdown(wait=True, cancel_futures=True)


def _blocks(verdicts: Iterable[Recorded], block: int) -> Iterator[list[Recorded]]:
    rest = iter(verdicts)
    while found := list(islice(rest, block)):
        yield found


def _opened(task: Task[T]) -> Callable[[Sequence[Recorded]], T]:
    work = task.open()
    heap.settle()  # as a worker does: what stays is looked through no more
    return work


_work_of_process: Callable[[Sequence[Recorded]], Any] | None = None


def _begin(task: Task[Any]) -> None:
    """Open what the work needs; Ctrl-C, which all processes of a terminal get, is the parent's."""
    global _work_of_process  # noqa: PLW0603 - a pool hands a process nothing but module state
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work_of_process = _opened(task)


def _work(block: Sequence[Recorded]) -> Any:
    assert _work_of_process is not None
    return _work_of_process(block)
