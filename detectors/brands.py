"""Brands that phishing claims to be: found in words, and told from their own domains."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, NamedTuple

from features.domains import Domain

__all__ = ["BRANDS", "NAMES", "Brand", "Claim", "brand_of", "claims", "compact", "is_own"]


@dataclass(frozen=True, slots=True, eq=False)
class Brand:
    """A brand: its name as shown, folded phrases that mean it, and its own domains.

    `ambiguous` are those of the phrases that are ordinary words too. `domains` are registrable
    domains, or public suffixes that only the brand's owner gives out (gov.uk).
    """

    name: str
    phrases: tuple[str, ...]
    domains: frozenset[str]
    ambiguous: frozenset[str]


class Claim(NamedTuple):
    """A brand found in words. `pure`: every other word is generic ("support", "your", a number)."""

    brand: Brand
    pure: bool


_DATA: Final = tomllib.loads((files("detectors") / "data" / "brands.toml").read_text("utf-8"))
BRANDS: Final = tuple(
    Brand(
        name=row["name"],
        phrases=tuple(row["phrases"]),
        domains=frozenset(row["domains"]),
        ambiguous=frozenset(row.get("ambiguous", ())),
    )
    for row in _DATA["brands"]
)
GENERIC: Final = frozenset(_DATA["generic"])


def compact(phrase: str) -> str:
    """Return a phrase as it would stand in a domain's label: without blanks and hyphens."""
    return phrase.replace(" ", "").replace("-", "")


_PHRASES: Final = {tuple(p.split()): (brand, p) for brand in BRANDS for p in brand.phrases}
_FIRST: Final = frozenset(words[0] for words in _PHRASES)
_LONGEST: Final = max(map(len, _PHRASES))
_OWNERS: Final = {domain: brand for brand in reversed(BRANDS) for domain in brand.domains}
_SHORTEST_LABEL: Final = 4
NAMES: Final = {
    compact(phrase): brand
    for brand in reversed(BRANDS)
    for phrase in brand.phrases
    if phrase not in brand.ambiguous and len(compact(phrase)) >= _SHORTEST_LABEL
}
"""Unambiguous brand names as labels, at least four letters, to the brand they mean."""

# Digits and signs written for letters ("paypa1", "micr0soft").
LEET: Final = str.maketrans("013457$@!", "oleastsai")
# Suffixes under which a brand's bare name isn't taken for the brand's own: anyone gets one.
_OPEN_SUFFIXES: Final = frozenset(
    {"cc", "cf", "co", "com.br", "ga", "gq", "icu", "info", "me", "ml", "nu", "pw", "ru", "su"}
    | {"tk", "to", "top", "vip", "ws", "xyz"}
)
_GENERIC_SUFFIXES: Final = frozenset({"com", "net", "org", "gov", "edu", "eu", "gov.uk"})
_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "gov", "gob", "gouv", "net", "org"})


def brand_of(domain: Domain) -> Brand | None:
    """Return the brand that a domain belongs to, if it is one of the table."""
    return _OWNERS.get(domain.registrable) or _OWNERS.get(domain.suffix)


def is_own(brand: Brand, domain: Domain) -> bool:
    """Say whether a domain is the brand's: listed, or the bare name under a national suffix."""
    if domain.registrable in brand.domains or domain.suffix in brand.domains:
        return True
    name = brand.phrases[0]
    bare = domain.label in {name.replace(" ", ""), name.replace(" ", "-")}
    return bare and _national(domain.suffix)


def _national(suffix: str) -> bool:
    if suffix in _OPEN_SUFFIXES:
        return False
    second, _, top = suffix.rpartition(".")
    return suffix in _GENERIC_SUFFIXES or (
        len(top) == 2 and (not second or second in _SECOND_LEVEL)
    )


def claims(words: Sequence[str]) -> list[Claim]:
    """Return the brands that folded words name, longest phrase first at each place.

    Where nothing is found, digits are read as letters ("paypa1"), then single letters joined
    ("d h l"). An ambiguous phrase counts only if the other words are generic.
    """
    if not words:
        return []
    found = _find(words)
    if not found:
        mixed = any(not word.isalpha() and not word.isdigit() for word in words)
        found = _find([w if w.isdigit() else w.translate(LEET) for w in words]) if mixed else []
    if not found and sum(len(word) == 1 for word in words) >= 3:
        joined = "".join(word for word in words if len(word) == 1)
        found = _find([joined, *(word for word in words if len(word) > 1)])
    return found


def _find(words: Sequence[str]) -> list[Claim]:
    found = []
    place = 0
    while place < len(words):
        length = 1
        if words[place] in _FIRST:
            for length in range(min(_LONGEST, len(words) - place), 0, -1):
                hit = _PHRASES.get(tuple(words[place : place + length]))
                if hit is None:
                    continue
                brand, phrase = hit
                rest = (*words[:place], *words[place + length :])
                pure = all(word in GENERIC or word.isdigit() for word in rest)
                if pure or phrase not in brand.ambiguous:
                    found.append(Claim(brand, pure))
                break
        place += length
    return found
