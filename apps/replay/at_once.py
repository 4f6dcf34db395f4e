"""Coroutines that never wait for anything, called like functions."""

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["at_once"]

_T = TypeVar("_T")


def at_once(call: Coroutine[Any, Any, _T]) -> _T:
    """Return what a call of something in memory returns: it is done when it is begun."""
    try:
        call.send(None)
    except StopIteration as stopped:
        return stopped.value  # type: ignore[no-any-return]  # typeshed has Any
    raise RuntimeError("what is in memory waited")  # pragma: no cover - it has nothing to wait for
