"""What is up while a `with` block runs, and gone when the block is left."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Started"]


class Started(ABC):
    """A context manager by `start` and `stop`."""

    @abstractmethod
    def start(self) -> None:
        """Bring it up, and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Bring it down; may be called where it isn't up."""

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
