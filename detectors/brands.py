"""Brands that phishing claims to be: found in words, and told from their own domains."""

import tomllib
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, NamedTuple

from features.domains import Domain
from features.text import fold, words

__all__ = [
    "BRANDS",
    "LEET",
    "SHIPPED",
    "Brand",
    "Brands",
    "Claim",
    "brand_of",
    "claims",
    "compact",
    "is_own",
]


@dataclass(frozen=True, slots=True, eq=False)
class Brand:
    """A brand: its name as shown, folded phrases that mean it, and its own domains.

    `ambiguous` are those of the phrases that are ordinary words too. `domains` are registrable
    domains, or public suffixes that only the brand's owner gives out (gov.uk). `listed_only`: the
    bare name under a national suffix isn't the brand's unless listed, as for a policy's brands.
    `shared`: others bear the name too (savings banks, dealers), with words of their own added.
    """

    name: str
    phrases: tuple[str, ...]
    domains: frozenset[str]
    ambiguous: frozenset[str] = frozenset()
    listed_only: bool = False
    shared: bool = False


class Claim(NamedTuple):
    """A brand found in words. `pure`: every other word is generic ("support", "your", a number)."""

    brand: Brand
    pure: bool


_LONGEST: Final = 8  # words of a phrase


def _folded(phrase: str) -> str:
    """Return a phrase as the words of folded text are: names in other alphabets are as written."""
    return " ".join(words(fold(phrase), _LONGEST))


_DATA: Final = tomllib.loads((files("detectors") / "data" / "brands.toml").read_text("utf-8"))
BRANDS: Final = tuple(
    Brand(
        name=row["name"],
        phrases=tuple(map(_folded, row["phrases"])),
        domains=frozenset(row["domains"]),
        ambiguous=frozenset(map(_folded, row.get("ambiguous", ()))),
        shared=row.get("shared", False),
    )
    for row in _DATA["brands"]
)
GENERIC: Final = frozenset(_DATA["generic"])


def compact(phrase: str) -> str:
    """Return a phrase as it would stand in a domain's label: without blanks and hyphens."""
    return phrase.replace(" ", "").replace("-", "")


_SHORTEST_LABEL: Final = 4


class Brands:
    """Brands with what finds them, laid over another table whose entries they hide.

    `names` are unambiguous brand names as labels, at least four letters, to the brand they mean.
    `own_domains` are registrable domains of the operator's own organization.
    """

    __slots__ = ("below", "first", "longest", "names", "own_domains", "owners", "phrases")

    def __init__(
        self,
        brands: Sequence[Brand],
        below: "Brands | None" = None,
        own_domains: Iterable[str] = (),
    ) -> None:
        self.below = below
        self.own_domains = frozenset(own_domains)
        phrases: dict[tuple[str, ...], tuple[Brand, str]] = {}
        owners: dict[str, Brand] = {}
        names: dict[str, Brand] = {}
        for brand in brands:
            for domain in brand.domains:
                owners.setdefault(domain, brand)
            for phrase in brand.phrases:
                phrases.setdefault(tuple(phrase.split()), (brand, phrase))
                name = compact(phrase)
                if phrase not in brand.ambiguous and len(name) >= _SHORTEST_LABEL:
                    names.setdefault(name, brand)
        first = frozenset(words[0] for words in phrases)
        longest = max(map(len, phrases), default=0)
        self.phrases: Mapping[tuple[str, ...], tuple[Brand, str]] = phrases
        self.owners: Mapping[str, Brand] = owners
        self.names: Mapping[str, Brand] = names
        self.first, self.longest = first, longest
        if below is not None:
            # ChainMap asks for a type that can be written to, and nothing here writes.
            self.phrases = ChainMap(phrases, below.phrases)  # type: ignore[arg-type]
            self.owners = ChainMap(owners, below.owners)  # type: ignore[arg-type]
            self.names = ChainMap(names, below.names)  # type: ignore[arg-type]
            self.first = first | below.first
            self.longest = max(longest, below.longest)


SHIPPED: Final = Brands(BRANDS)
"""The table that ships with Weir."""

# Digits and signs written for letters ("paypa1", "micr0soft").
LEET: Final = str.maketrans("013457$@!", "oleastsai")
# Suffixes under which a brand's bare name isn't taken for the brand's own: anyone gets one.
_OPEN_SUFFIXES: Final = frozenset(
    {"cc", "cf", "co", "com.br", "ga", "gq", "icu", "info", "me", "ml", "nu", "pw", "ru", "su"}
    | {"tk", "to", "top", "vip", "ws", "xyz"}
)
_GENERIC_SUFFIXES: Final = frozenset({"com", "net", "org", "gov", "edu", "eu", "gov.uk"})
_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "gov", "gob", "gouv", "net", "org"})


def brand_of(domain: Domain, brands: Brands = SHIPPED) -> Brand | None:
    """Return the brand that a domain belongs to, if it is one of the table."""
    return brands.owners.get(domain.registrable) or brands.owners.get(domain.suffix)


def is_own(brand: Brand, domain: Domain) -> bool:
    """Say whether a domain is the brand's: listed, or the bare name under a national suffix."""
    if domain.registrable in brand.domains or domain.suffix in brand.domains:
        return True
    if brand.listed_only:
        return False
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


def claims(text_words: Sequence[str], brands: Brands = SHIPPED) -> list[Claim]:
    """Return the brands that folded words name, longest phrase first at each place.

    Where nothing is found, digits are read as letters ("paypa1"), then single letters joined
    ("d h l"). An ambiguous phrase counts only if the other words are generic.
    """
    if not text_words:
        return []
    found = _find(text_words, brands)
    if not found:
        letters = "".join(text_words).isalpha()  # as nearly always: no digit to read as one
        mixed = not letters and any(not (w.isalpha() or w.isdigit()) for w in text_words)
        leet = [w if w.isdigit() else w.translate(LEET) for w in text_words] if mixed else []
        found = _find(leet, brands)
    if not found and sum(len(word) == 1 for word in text_words) >= 3:
        joined = "".join(word for word in text_words if len(word) == 1)
        found = _find([joined, *(word for word in text_words if len(word) > 1)], brands)
    return found


def _find(text_words: Sequence[str], brands: Brands) -> list[Claim]:
    found: list[Claim] = []
    phrases, first, longest = brands.phrases, brands.first, brands.longest
    if first.isdisjoint(text_words):
        return found
    place = 0
    while place < len(text_words):
        length = 1
        if text_words[place] in first:
            for length in range(min(longest, len(text_words) - place), 0, -1):
                hit = phrases.get(tuple(text_words[place : place + length]))
                if hit is None:
                    continue
                brand, phrase = hit
                rest = (*text_words[:place], *text_words[place + length :])
                pure = all(word in GENERIC or word.isdigit() for word in rest)
                if pure or phrase not in brand.ambiguous:
                    found.append(Claim(brand, pure))
                break
        place += length
    return found
