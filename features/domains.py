"""Host names split by the public suffix list (publicsuffix.org), offline, private section too."""

from functools import lru_cache
from typing import NamedTuple

from publicsuffixlist import PublicSuffixList

__all__ = ["Domain", "host_suffixes", "split_host"]

_SUFFIXES = PublicSuffixList(accept_unknown=False)
_ICANN_SUFFIXES = PublicSuffixList(accept_unknown=False, only_icann=True)
_MAX_HOST = 253  # RFC 1035, 2.3.4


class Domain(NamedTuple):
    """A host name's parts; all empty where it lies under no public suffix.

    `registrable` is suffix plus one label ("example.co.uk"), `label` that label ("example").
    """

    registrable: str
    label: str
    suffix: str
    subdomain: str


_NONE = Domain("", "", "", "")


def split_host(host: str) -> Domain:
    """Split a host name at its public suffix; an address, a bare suffix or garbage gives empty.

    A bare suffix of the list's private section (iki.fi, github.io) is a domain that somebody
    registered and may send mail from, so it is split as one.
    """
    if len(host) > _MAX_HOST:  # what is kept from message to message must be short
        host = host.strip().strip(".")
    return _split(host) if len(host) <= _MAX_HOST else _NONE


@lru_cache(maxsize=65_536)
def _split(host: str) -> Domain:
    name = host.strip().strip(".").lower()
    if not name or len(name) > _MAX_HOST or "." not in name:
        return _NONE
    registrable = _SUFFIXES.privatesuffix(name)
    if not registrable and _SUFFIXES.publicsuffix(name) == name:
        registrable = _ICANN_SUFFIXES.privatesuffix(name)
    if not registrable:
        return _NONE
    label, _, suffix = registrable.partition(".")
    return Domain(registrable, label, suffix, name[: -len(registrable) - 1])


def host_suffixes(host: str) -> list[str]:
    """Return `a.b.c`, `b.c`, `c` for look-ups in sets of domains, at most the last six labels."""
    labels = host.strip(".").lower().split(".")[-6:]
    return [".".join(labels[i:]) for i in range(len(labels))]
