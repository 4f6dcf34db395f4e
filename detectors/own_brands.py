"""A tenant's brands: the shipped table and what its policy adds to it, its own domains too."""

from functools import lru_cache
from typing import Final

from detectors.brands import BRANDS, SHIPPED, Brand, Brands
from detectors.policy import OwnBrand, Policy
from features.domains import split_host
from features.text import fold, words

__all__ = ["SHIPPED_NAMES", "brands_of"]

_BY_NAME: Final = {brand.name.casefold(): brand for brand in BRANDS}
SHIPPED_NAMES: Final = frozenset(_BY_NAME)
"""Names of the shipped brands in lower case: a policy's brand of such a name adds to it."""

_SHORT = 4  # letters; a shorter label is in too many names by chance
_LONGEST = 8  # words of a phrase


def brands_of(policy: Policy) -> Brands:
    """Return the brands that a policy's tenant is protected with; the same value for equal ones."""
    return _brands(policy.brands, policy.own_domains)


@lru_cache(maxsize=4_096)
def _brands(own: tuple[OwnBrand, ...], own_domains: tuple[str, ...]) -> Brands:
    if not own and not own_domains:
        return SHIPPED
    ours = frozenset(own_domains)
    made = [*(_brand(row, ours) for row in own), *(_domain(name, ours) for name in own_domains)]
    return Brands(made, SHIPPED, ours)


def _brand(row: OwnBrand, ours: frozenset[str]) -> Brand:
    phrases = tuple(" ".join(words(fold(phrase), _LONGEST)) for phrase in row.phrases)
    ambiguous = frozenset(" ".join(words(fold(phrase), _LONGEST)) for phrase in row.ambiguous)
    domains = frozenset(row.domains)
    shipped = _BY_NAME.get(row.name.casefold())
    if shipped is None:
        # Our own mail may speak of any brand of ours, whichever domain it was listed with.
        return Brand(row.name, phrases, domains | ours, ambiguous, listed_only=True)
    return Brand(
        shipped.name,
        (*shipped.phrases, *phrases),
        shipped.domains | domains,
        shipped.ambiguous | ambiguous,
    )


def _domain(domain: str, ours: frozenset[str]) -> Brand:
    label = split_host(domain).label
    phrase = " ".join(words(fold(label), _LONGEST))
    ambiguous = frozenset({phrase} if len(label) < _SHORT else ())
    return Brand(domain, (phrase,), ours, ambiguous, listed_only=True)
