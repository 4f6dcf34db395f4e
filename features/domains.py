"""Host names split by the public suffix list (publicsuffix.org), offline, private section too."""

import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from publicsuffixlist import PublicSuffixList

__all__ = ["Domain", "host_suffixes", "split_host", "to_ascii"]

_SUFFIXES = PublicSuffixList(accept_unknown=False)
_ICANN_SUFFIXES = PublicSuffixList(accept_unknown=False, only_icann=True)
_DOTS: Final = str.maketrans("\u3002\uff0e\uff61", "...")  # read as dots (UTS 46)
_LONGEST_LABEL = 63  # RFC 1035, 2.3.4
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
    registered and may send mail from, so it is split as one. The parts are in ASCII.
    """
    if len(host) > _MAX_HOST:  # what is kept from message to message must be short
        host = host.strip().strip(".")
    return _split(host) if len(host) <= _MAX_HOST else _NONE


def to_ascii(host: str) -> str:
    """Return a host name in the letters of the DNS: `xn--` and punycode where it has others.

    What a name says in either form is one name (RFC 5890, 2.3.2): signatures bear the one, and
    From may bear the other (RFC 6532).
    """
    if host.isascii():
        return host
    plain = unicodedata.normalize("NFKC", host).translate(_DOTS).replace("\u00ad", "").lower()
    return ".".join(map(_label_to_ascii, plain.split(".")))


def _label_to_ascii(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + label[:_LONGEST_LABEL].encode("punycode", "replace").decode("ascii", "replace")


@lru_cache(maxsize=65_536)
def _split(host: str) -> Domain:
    name = to_ascii(host.strip().strip(".").lower()).strip(".")
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
