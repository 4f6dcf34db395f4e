"""What a reader takes for the same: skeletons of domains, and display names whatever their order.

Equal skeletons are what UTS 39, section 4 calls confusable, with the habits of typosquatters
added: digits for letters, doubled letters, hyphens, another ending.
"""

import re
from functools import lru_cache
from typing import Final

from features.domains import split_host
from features.text import fold, words

__all__ = ["name_key", "sender_skeletons", "skeleton"]

_LONGEST = 253  # characters of a domain (RFC 1035, 2.3.4) or display name that are kept
_DIGITS: Final = str.maketrans("0134578$@|", "oieastbsai")
_ALIKE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("l", "i"), ("j", "i"))
_REPEATED = re.compile(r"(.)\1+")
_SHORTEST = 4  # letters of a skeleton; shorter ones are one word of many
_SHORTEST_WORD = 5  # of a word that stands beside another: short ones are anybody's
_WORDS = 8  # of a display name


@lru_cache(maxsize=16_384)
def skeleton(domain: str) -> str:
    """Return what a registrable domain's label looks like, without its suffix; '' if too short.

    Longer than a domain may be gives ''.
    """
    return _skeleton(_label(domain), _SHORTEST) if len(domain) <= _LONGEST else ""


@lru_cache(maxsize=16_384)
def sender_skeletons(domain: str) -> tuple[str, ...]:
    """Return what a sender's registrable domain may be taken for, at most three skeletons.

    Beside its own: its first and its last word, where a hyphen parts them ("example-billing").
    """
    if len(domain) > _LONGEST:
        return ()
    label = _label(domain)
    found = [_skeleton(label, _SHORTEST)]
    if "-" in label:
        found += [
            _skeleton(word, _SHORTEST_WORD)
            for word in (label.partition("-")[0], label.rpartition("-")[2])
        ]
    return tuple(dict.fromkeys(filter(None, found)))


def name_key(display: str) -> str:
    """Return a display name folded (features.text.fold), its words sorted; '' for no full name.

    A name of one word is anybody's, and one with an address in it says the address itself.
    """
    if not display or "@" in display or len(display) > _LONGEST:
        return ""
    return _name_key(display)


@lru_cache(maxsize=16_384)
def _name_key(display: str) -> str:
    parts = words(fold(display), _WORDS)
    return " ".join(sorted(parts)) if len(parts) > 1 else ""


def _label(domain: str) -> str:
    label = split_host(domain).label or domain.partition(".")[0]
    if label.startswith("xn--"):
        try:
            return label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            return label
    return label


def _skeleton(label: str, shortest: int) -> str:
    plain = fold(label).replace("-", "").replace("_", "").translate(_DIGITS)
    for written, seen in _ALIKE:
        plain = plain.replace(written, seen)
    found = _REPEATED.sub(r"\1", plain)
    return found if len(found) >= shortest else ""
