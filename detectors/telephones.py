"""Telephone numbers as people write them."""

import re

__all__ = ["has_telephone"]

_TELEPHONE = re.compile(
    r"(?<![\w.,/-])\+?(?:\d{1,3}[ .-]{1,3})?\(?\d{3}\)?[ .-]{1,3}\d{3,4}[ .-]{1,3}\d{3,4}(?![\w-])"
)


def has_telephone(text: str) -> bool:
    """Tell whether a text has a telephone number, written in groups of digits."""
    return _TELEPHONE.search(text) is not None
