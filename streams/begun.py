"""A coroutine that has begun, awaited from where it waits."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

__all__ = ["Begun"]


class Begun(Awaitable[Any], Generator[Any, Any, Any]):
    """The rest of a coroutine whose first step was made, and waits for `waits_for`.

    Python lets nothing await a coroutine that somebody else began; by hand it can be passed on.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: object) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for
        self._asked = False

    def __await__(self) -> Generator[Any, Any, Any]:
        """Return the steps, the first of which is to wait for what the coroutine waits for."""
        return self

    def send(self, value: Any) -> Any:
        """Tell what is waited for; after that go on with the coroutine."""
        if not self._asked:
            self._asked = True
            return self._waits_for
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Throw into the coroutine: a cancellation is its own to settle."""
        self._asked = True
        return self._coroutine.throw(*error)
