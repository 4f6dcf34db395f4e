"""How work on an archive says what it passed over."""

from collections.abc import Callable

__all__ = ["Say", "ignore"]

Say = Callable[[str], None]


def ignore(_line: str) -> None:
    """Nobody asked."""
