"""What somebody may have meant: the known name that is nearest to an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant"]


def meant(given: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean NAME?" for the nearest known name, `otherwise` where none is near.

    Nearest by Ratcliff and Obershelp's pattern matching (1988), as difflib has it.
    """
    near = get_close_matches(given, list(known), 1)
    return f"did you mean {near[0]}?" if near else otherwise
