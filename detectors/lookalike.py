"""Domains made to be taken for another: confusable letters, typing slips, added words."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from detectors.brands import GENERIC, LEET, SHIPPED, Brand, Brands, brand_of, is_own
from features.domains import Domain
from features.hosts import host_traits, is_known
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
_SHORTEST_GENERIC = 3
_INSIDE_LENGTHS: Final = range(7, 20)


def _deletions(name: str) -> set[str]:
    return {name[:i] + name[i + 1 :] for i in range(len(name))}


@lru_cache(maxsize=256)
def _by_deletion(brands: Brands) -> Mapping[str, list[str]]:
    """Return a table's own names by themselves with one letter or none left out."""
    index: dict[str, list[str]] = {}
    below = brands.below.names if brands.below else {}
    whole = {phrase for _, phrase in brands.phrases.values()}
    for name, brand in brands.names.items():
        if below.get(name) is brand:
            continue
        # Two short words ("nz post") are one letter from too many others ("nypost").
        shortest = _TYPO_LENGTHS.start if name in whole else _LONG
        if len(name) >= shortest:
            for key in {name} | _deletions(name):
                index.setdefault(key, []).append(name)
    return index


@lru_cache(maxsize=65_536)
def likeness(domain: Domain, brands: Brands = SHIPPED) -> Likeness | None:
    """Return the brand that a domain imitates, None for the brand's own and for all others.

    Time is linear in the host's length: names are looked up, never compared one by one. A domain
    that bears a policy's brand under another ending counts only where that ending is a cheap one.
    """
    host = domain.registrable
    # Known for itself are hotmail.fr and mailchimpsites.com.
    if not host or brand_of(domain, brands) is not None or is_known(host):
        return None
    names = brands.names
    found = _by_label(_unicode(domain.label), brands)
    if found is None and domain.subdomain:
        parts = re.split(r"[.\-_]", domain.subdomain)
        name = next((p for p in parts if len(p) >= _WORD_LENGTH and p in names), None)
        found = (name, _SUBDOMAIN) if name else None
    if found is None:
        return None
    brand, how = names[found[0]], found[1]
    if is_own(brand, domain):
        return None
    if brand.shared and how == _ADDED and not _generic_beside(found[0], domain.label):
        return None
    # An organization's name may be somebody else's too; a throw-away ending is nobody's honest one.
    if brand.listed_only and how == _ENDING and "cheap_tld" not in host_traits(host):
        return None
    return Likeness(brand.name, how)


def _generic_beside(name: str, label: str) -> bool:
    """Say whether a label says something generic ("login") beside a name that others bear too."""
    return any(
        part in GENERIC
        for word in _WORDS.split(label)
        for part in word.split(name)
        if len(part) >= _SHORTEST_GENERIC
    )


def _by_label(label: str, brands: Brands) -> tuple[str, str] | None:
    bare = label.replace("-", "")
    names = brands.names
    if bare in names:
        return bare, _ENDING
    plain = _plain(bare)
    if plain in names:
        return plain, _CONFUSABLE
    words = [word for word in _WORDS.split(label) if word]
    pairs = (a + b for a, b in pairwise(words))
    for word in (*words, *pairs):
        if len(word) >= _WORD_LENGTH and word in names:
            return word, _ADDED
    name = _inside(bare, names) or _inside(plain, names)
    if name:
        return name, _ADDED
    long_words = (word for word in words if len(word) >= _INSIDE_LENGTHS.start)
    name = next((hit for word in (bare, *long_words) if (hit := _one_off(word, brands))), "")
    return (name, _TYPO) if name else None


def _inside(label: str, names: Mapping[str, Brand]) -> str:
    for length in _INSIDE_LENGTHS:
        for start in range(len(label) - length + 1):
            if label[start : start + length] in names:
                return label[start : start + length]
    return ""


def _one_off(label: str, brands: Brands | None) -> str:
    if len(label) not in _TYPO_LENGTHS:
        return ""
    keys = (label, *_deletions(label))
    while brands is not None:
        index = _by_deletion(brands)
        for key in keys:
            for name in index.get(key, ()):
                if name[0] == label[0] and _distance_one(name, label):
                    return name
        brands = brands.below
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


@lru_cache(maxsize=16_384)
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
