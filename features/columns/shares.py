"""Shares of kinds of characters in a text, counted in a few passes of C whatever the text is."""

import string

__all__ = ["beyond_ascii", "count_kinds", "currency_signs", "digits", "ratio"]

_KINDS = bytes(
    [
        ord(
            "A"
            if chr(code) in string.ascii_uppercase
            else "0"
            if chr(code) in string.digits
            else " "
        )
        for code in range(256)
    ]
)


def ratio(part: int, whole: int) -> float:
    """Return part / whole, 0 where there is nothing."""
    return part / whole if whole else 0.0


def count_kinds(text: str) -> tuple[int, int]:
    """Return how many ASCII capitals and how many ASCII digits a text has."""
    kinds = text.encode("ascii", "ignore").translate(_KINDS)
    return kinds.count(b"A"), kinds.count(b"0")


def digits(text: str) -> float:
    """Return the share of ASCII digits."""
    return count_kinds(text)[1] / len(text) if text else 0.0


def beyond_ascii(text: str) -> float:
    """Return the share of characters beyond ASCII."""
    return 0.0 if text.isascii() else 1.0 - ratio(len(text.encode("ascii", "ignore")), len(text))


def currency_signs(text: str) -> int:
    """Count the signs of dollar, euro and pound."""
    return text.count("$") + (0 if text.isascii() else text.count("€") + text.count("£"))
