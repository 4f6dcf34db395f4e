"""Readings in words: how long, how many, by how much."""

from math import log
from typing import Final

__all__ = ["about", "counted", "duration", "plural", "rising"]

_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_EXACT = 20  # up to here an estimate of a few distinct things is right to one


def duration(seconds: float) -> str:
    """Return a time in seconds as its largest whole unit: "3 h", "12 min"."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return "less than a minute"


def plural(number: int, thing: str) -> str:
    """Return "1 message" or "412 messages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def counted(number: float, thing: str) -> str:
    """Return a count, decayed or not, as a whole number of things: "412 messages"."""
    return plural(round(number), thing)


def about(number: float, thing: str) -> str:
    """Return an estimate of distinct things with as many digits as it is worth."""
    whole = round(number)
    if whole <= _EXACT:
        return plural(whole, thing)
    return f"about {round(whole, 2 - len(str(whole)))} {thing}s"


def rising(value: float, least: float, most: float) -> float:
    """Return a strength in [0.4, 1]: 0.4 at `least` and 1 from `most` on, by their logarithm."""
    return float(min(1.0, 0.4 + 0.6 * max(0.0, log(value / least)) / log(most / least)))
