"""What the data files and a policy may each say, but not together."""

from collections.abc import Iterable, Iterator
from typing import Final

from detectors.brands import BRANDS, GENERIC, SHIPPED
from detectors.policy import Policy
from features.data_files import read_data
from features.domains import host_suffixes
from features.hosts import FREEMAIL, host_traits, is_disposable
from features.text import fold, words

__all__ = ["policy_contradictions", "shipped_contradictions"]

# Services whose own site and mail share a domain with their customers' pages.
_BOTH: Final = frozenset({"airtable.com", "wix.com", "wordpress.com"})
_DISPOSABLE_TOO: Final = frozenset({"mailinator.com"})
_SHARED: Final = {
    "shortener": "a URL shortener",
    "free_host": "a host where anyone gets a page",
    "raw_storage": "storage that anyone can rent",
    "mail_service": "a mail service's click host",
}
_SUSPECTS: Final = ("shorteners", "free_hosts", "raw_storage")
_LONGEST: Final = 8  # words of a phrase


def shipped_contradictions() -> list[str]:
    """Return what the shipped files say against each other, a line each; none is expected."""
    return sorted({*_between_lists(), *_against_brands()})


def policy_contradictions(policy: Policy) -> list[str]:
    """Return what a tenant's policy says against the shipped files or itself, a line each."""
    return sorted({*_own_domains(policy), *_own_phrases(policy), *_entries(policy)})


def _hosts(name: str) -> set[str]:
    lists = [value for value in read_data(name).values() if isinstance(value, list)]
    return {host for hosts in lists for host in hosts}


def _between_lists() -> Iterator[str]:
    services = _hosts("mail_services")
    for name in _SUSPECTS:
        suspects = _hosts(name)
        for host in services:
            if not suspects.isdisjoint(host_suffixes(host)):
                yield f"{host}: neutral in mail_services, suspect in {name}"
        for host in suspects:
            if not services.isdisjoint(host_suffixes(host)):
                yield f"{host}: suspect in {name}, neutral in mail_services"
    for host in FREEMAIL - _DISPOSABLE_TOO:
        if is_disposable(host):
            yield f"{host}: a lasting mailbox in freemail, for one use in disposable"


def _against_brands() -> Iterator[str]:
    suspects = {host: name for name in _SUSPECTS for host in _hosts(name)}
    for brand in BRANDS:
        for domain in brand.domains - _BOTH:
            if domain in suspects:
                yield f"{domain}: {brand.name}'s own in brands, anyone's in {suspects[domain]}"
            if is_disposable(domain):
                yield f"{domain}: {brand.name}'s own in brands, for one use in disposable"


def _own_domains(policy: Policy) -> Iterator[str]:
    named = [("own_domains", policy.own_domains)]
    named += [(f"brands ({brand.name})", brand.domains) for brand in policy.brands]
    for key, domains in named:
        for domain in domains:
            for what in _strangers(domain):
                yield f"{key}: {domain} is {what}"
    for domain in policy.own_domains:
        owner = SHIPPED.owners.get(domain)
        if owner is not None:
            yield f"own_domains: {domain} is {owner.name}'s, a brand of the shipped table"


def _strangers(domain: str) -> Iterator[str]:
    if domain in FREEMAIL:
        yield "a free mail provider's: anyone may have an address there"
    elif is_disposable(domain):
        yield "for mailboxes of one use"
    traits = host_traits(domain)
    yield from (what for trait, what in _SHARED.items() if trait in traits)


def _own_phrases(policy: Policy) -> Iterator[str]:
    for brand in policy.brands:
        for phrase in brand.phrases:
            folded = words(fold(phrase), _LONGEST)
            taken = SHIPPED.phrases.get(folded)
            if taken is not None and taken[0].name.casefold() != brand.name.casefold():
                yield f'brands ({brand.name}): "{phrase}" means {taken[0].name} as shipped'
            if all(word in GENERIC for word in folded):
                yield f'brands ({brand.name}): "{phrase}" is made of generic words only'


def _entries(policy: Policy) -> Iterator[str]:
    own = _owned(policy)
    for entry in policy.allow:
        if entry.kind == "domain":
            for what in _strangers(entry.value.lower()):
                yield f"allow: {entry.value} is {what}"
    for entry in policy.deny:
        if entry.kind in {"domain", "url_domain"} and entry.value.lower() in own:
            yield f"deny: {entry.value} is your own domain"


def _owned(policy: Policy) -> set[str]:
    brands: Iterable[tuple[str, ...]] = (brand.domains for brand in policy.brands)
    return set(policy.own_domains).union(*brands)
