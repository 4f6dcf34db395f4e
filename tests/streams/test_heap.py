"""The search for garbage cycles: what was there stays, what comes is still freed."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams import heap


class _Node:
    """An object that can hold itself."""

    def __init__(self) -> None:
        self.itself: _Node | None = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_was_there_is_walked_no_more() -> None:
    there = _Node()

    heap.settle()

    assert all(each is not there for each in gc.get_objects())


def test_a_cycle_that_comes_later_is_freed_without_being_asked_for() -> None:
    heap.settle()
    later = weakref.ref(_Node())

    kept: list[list[int]] = [[] for _ in range(100 * gc.get_threshold()[0])]

    assert kept
    assert later() is None
