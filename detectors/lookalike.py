"""Domains made to be taken for another: confusable letters, typing slips, added words."""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from detectors.brands import BRANDS, LEET, NAMES, brand_of, is_own
from features.domains import Domain
from features.text import fold

__all__ = ["Likeness", "likeness", "resembles"]


class Likeness(NamedTuple):
    """Which brand a domain looks like, and how: a phrase that completes "it is the name ..."."""

    brand: str
    how: str


_CONFUSABLE = "with letters that look alike"
_TYPO = "with one letter changed"
_ADDED = "with words added"
_ENDING = "under another ending"
_SUBDOMAIN = "as a subdomain of another domain"

_WORDS = re.compile(r"[-_0-9]+")
_TYPO_LENGTHS: Final = range(6, 17)  # shorter names are one letter from too many ordinary words
_WORD_LENGTH: Final = 5
_SHORTEST_NAME: Final = 4
_LONG = 8
_INSIDE_LENGTHS: Final = range(7, 20)


def _deletions(name: str) -> set[str]:
    return {name[:i] + name[i + 1 :] for i in range(len(name))}


def _typo_index() -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    phrases = {phrase for brand in BRANDS for phrase in brand.phrases}
    for name in NAMES:
        # Two short words ("nz post") are one letter from too many others ("nypost").
        shortest = _TYPO_LENGTHS.start if name in phrases else _LONG
        if len(name) >= shortest:
            for key in {name} | _deletions(name):
                index.setdefault(key, []).append(name)
    return index


_BY_DELETION: Final = _typo_index()


@lru_cache(maxsize=65_536)
def likeness(domain: Domain) -> Likeness | None:
    """Return the brand that a domain imitates, None for the brand's own and for all others.

    Time is linear in the host's length: names are looked up, never compared one by one.
    """
    if not domain.registrable or brand_of(domain) is not None:
        return None
    label = _unicode(domain.label)
    found = _by_label(label)
    if found is None and domain.subdomain:
        parts = re.split(r"[.\-_]", domain.subdomain)
        name = next((p for p in parts if len(p) >= _WORD_LENGTH and p in NAMES), None)
        found = (name, _SUBDOMAIN) if name else None
    if found is None or is_own(NAMES[found[0]], domain):
        return None
    return Likeness(NAMES[found[0]].name, found[1])


def _by_label(label: str) -> tuple[str, str] | None:
    bare = label.replace("-", "")
    if bare in NAMES:
        return bare, _ENDING
    plain = _plain(bare)
    if plain in NAMES:
        return plain, _CONFUSABLE
    words = [word for word in _WORDS.split(label) if word]
    pairs = (a + b for a, b in pairwise(words))
    for word in (*words, *pairs):
        if len(word) >= _WORD_LENGTH and word in NAMES:
            return word, _ADDED
    name = _inside(bare) or _inside(plain)
    if name:
        return name, _ADDED
    long_words = (word for word in words if len(word) >= _INSIDE_LENGTHS.start)
    name = next((hit for word in (bare, *long_words) if (hit := _one_off(word))), "")
    return (name, _TYPO) if name else None


def _inside(label: str) -> str:
    for length in _INSIDE_LENGTHS:
        for start in range(len(label) - length + 1):
            if label[start : start + length] in NAMES:
                return label[start : start + length]
    return ""


def _one_off(label: str) -> str:
    if len(label) not in _TYPO_LENGTHS:
        return ""
    for key in (label, *_deletions(label)):
        for name in _BY_DELETION.get(key, ()):
            if name[0] == label[0] and _distance_one(name, label):
                return name
    return ""


def _distance_one(a: str, b: str) -> bool:
    """Say whether one insertion, deletion, substitution or swap of neighbours turns a into b."""
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return len(b) - len(a) == 1 and a[start:] == b[start + 1 :]
    rest_a, rest_b = a[start:], b[start:]
    swapped = rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:]
    return a != b and (rest_a[1:] == rest_b[1:] or swapped)


def _unicode(label: str) -> str:
    """Decode a punycode label (RFC 3492); one that doesn't decode stays as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _plain(label: str) -> str:
    return fold(label).translate(LEET).replace("rn", "m").replace("vv", "w")


def resembles(domain: Domain, own: Domain) -> str:
    """Return how a domain imitates another ("with one letter changed", ...), '' if it doesn't.

    The same name under another suffix isn't an imitation: organizations hold several.
    """
    label, name = _unicode(domain.label), own.label
    if domain.registrable == own.registrable or label == name or len(name) < _SHORTEST_NAME:
        return ""
    if _plain(label) == _plain(name):
        return _CONFUSABLE
    if len(name) in _TYPO_LENGTHS and label[:1] == name[:1] and _distance_one(label, name):
        return _TYPO
    if len(name) >= _WORD_LENGTH and name in _WORDS.split(label):
        return _ADDED
    return ""
