"""Rows of many sorted files in one order, with as few of them open as their times allow."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

__all__ = ["Sorted", "merged"]

Key = tuple[Any, ...]


class Sorted(NamedTuple):
    """A sorted source that isn't open: no key in it is below `least`."""

    least: Key
    rows: Callable[[], Iterator[tuple[Key, Any]]]


def merged(sources: Iterable[Sorted]) -> Iterator[tuple[Key, Any]]:
    """Yield all rows with their keys, in ascending order.

    A source is opened once its least key may be the next, and let go when it is exhausted.
    """
    closed = sorted(sources, key=lambda source: source.least, reverse=True)
    heap: list[tuple[Key, int, Any, Iterator[tuple[Key, Any]]]] = []
    number = 0
    while closed or heap:
        while closed and (not heap or closed[-1].least <= heap[0][0]):
            rows = closed.pop().rows()
            number += 1
            first = next(rows, None)
            if first is not None:
                heapq.heappush(heap, (first[0], number, first[1], rows))
        if not heap:
            continue
        key, at, row, rows = heap[0]
        yield key, row
        following = next(rows, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following[0], at, following[1], rows))
