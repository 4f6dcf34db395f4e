"""Whether a domain's label was written by a person or drawn by a machine."""

import re
from functools import lru_cache
from itertools import pairwise

__all__ = ["looks_random"]

_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{7}")
_VOWELS = frozenset("aeiouy")
_SHORTEST = 7


@lru_cache(maxsize=16_384)
def looks_random(label: str) -> bool:
    """Say whether a label looks random: seven consonants in a row, digits mixed in, few vowels."""
    if len(label) < _SHORTEST or label.startswith("xn--"):
        return False
    if _CONSONANTS.search(label):
        return True
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(label))
    if changes >= 3 and sum(map(str.isdigit, label)) >= 2:
        return True
    if len(label) <= _SHORTEST or "-" in label:  # people join abbreviations: slack-msgs, nhs-bsa
        return False
    return sum(c in _VOWELS for c in label) / len(label) < 0.15
