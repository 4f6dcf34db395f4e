"""What is known about a host before looking at a message: whose it is, who may publish there."""

from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Final

from disposable_email_domains import blocklist

from features.data_files import read_data
from features.domains import host_suffixes, split_host

__all__ = [
    "FREEMAIL",
    "MAIL_SERVICES",
    "host_traits",
    "is_disposable",
    "is_freemail",
    "is_known",
    "is_open_redirector",
]

FREEMAIL: Final = frozenset(read_data("freemail")["domains"])
"""Registrable domains of free and consumer mail providers."""

_DISPOSABLE: Final = frozenset(blocklist) - frozenset(read_data("disposable")["never"])

MAIL_SERVICES: Final = frozenset(read_data("mail_services")["hosts"])
"""Domains of mail services' click and image hosts: neither the sender's nor foreign."""

_STORAGE = read_data("raw_storage")
_REGIONAL: Final = {domain: tuple(words) for domain, words in _STORAGE["regional"].items()}
_FREE = read_data("free_hosts")
_TRAITS_BY_HOST: Final = MappingProxyType(
    {
        "shortener": frozenset(read_data("shorteners")["hosts"]),
        "free_host": frozenset(_FREE["hosts"]) | frozenset(_FREE["forms"]),
        "raw_storage": frozenset(_STORAGE["hosts"]) | frozenset(_STORAGE["networks"]),
        "content_network": frozenset(_STORAGE["networks"]),
        "mail_service": MAIL_SERVICES,
    }
)
_KNOWN: Final = FREEMAIL.union(*_TRAITS_BY_HOST.values())
_TLDS = read_data("top_level_domains")
_CHEAP: Final = frozenset(_TLDS["cheap"])
_CHEAP_SUFFIXES: Final = frozenset(_TLDS["cheap_suffixes"])
_NEW: Final = frozenset(_TLDS["new"])
_REDIRECTORS = read_data("redirectors")
_REDIRECT_PATHS: Final = {host: tuple(paths) for host, paths in _REDIRECTORS["paths"].items()}
_GOOGLE_PATHS: Final = tuple(_REDIRECTORS["google"]["paths"])


def is_freemail(host: str) -> bool:
    """Tell whether anyone may have an address there (host of a mail address, lower case)."""
    return host in FREEMAIL or split_host(host).registrable in FREEMAIL


def is_known(host: str) -> bool:
    """Tell whether a host itself, not its parent, stands in a list of services: no imitation."""
    return host in _KNOWN


@lru_cache(maxsize=16_384)
def is_disposable(host: str) -> bool:
    """Tell whether mailboxes there, or at a parent domain, are made to be thrown away."""
    return not _DISPOSABLE.isdisjoint(host_suffixes(host))


@lru_cache(maxsize=16_384)
def host_traits(host: str) -> frozenset[str]:
    """Return what the lists say of a (lower-case) host, a listed parent domain counting too.

    Traits: shortener, free_host, raw_storage, content_network, mail_service, cheap_tld, new_tld.
    """
    suffixes = host_suffixes(host)
    found = {trait for trait, hosts in _TRAITS_BY_HOST.items() if not hosts.isdisjoint(suffixes)}
    if _is_regional_storage(host, suffixes):
        found.add("raw_storage")
    tld = suffixes[-1]
    if tld in _CHEAP or not _CHEAP_SUFFIXES.isdisjoint(suffixes):
        found.add("cheap_tld")
    elif tld in _NEW:
        found.add("new_tld")
    return frozenset(found)


def _is_regional_storage(host: str, suffixes: list[str]) -> bool:
    for suffix in suffixes:
        words = _REGIONAL.get(suffix)
        if words:
            labels = host[: -len(suffix)].split(".")
            return any(label == w or label.startswith(w + "-") for label in labels for w in words)
    return False


def is_open_redirector(host: str, path: str) -> bool:
    """Tell whether a page there is known to send the reader on to any address in its query.

    `host` and `path` in lower case; the path starts with a slash.
    """
    return path.startswith(_redirect_paths(host))


@lru_cache(maxsize=16_384)
def _redirect_paths(host: str) -> tuple[str, ...]:
    """Return what the paths of a host's redirecting pages start with."""
    listed = [_REDIRECT_PATHS.get(suffix, ()) for suffix in host_suffixes(host)]
    google = _GOOGLE_PATHS if split_host(host).label == "google" else ()
    return tuple(chain(*listed, google))
