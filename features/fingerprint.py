"""Near-duplicate fingerprint of content: messages that share one are a campaign.

Minwise hashing of word 3-grams in bands (Broder, "On the resemblance and containment of documents",
1997; banding as in Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3).
"""

import hashlib
from array import array
from collections.abc import Iterable
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from features.attachments import Attachments
from features.content import Content
from features.links import Links

__all__ = ["BANDS", "fingerprint", "near"]

BANDS: Final = 6
_ROWS = 3  # minhashes a band
_NEAR = 2  # equal bands that make two contents near-duplicates
_SHINGLE = 3  # words
_WORDS = 256
_FEWEST = 12  # shingles; below it, minhashes of unrelated texts collide
_LONGEST = 24  # letters: beyond it a word is a token made for one recipient
_FIRST, _SECOND, _THIRD = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
_MIX: Final = np.array([_FIRST, _SECOND, _THIRD], np.uint32)


def _constants(count: int) -> NDArray[np.uint32]:
    """Return odd 32-bit multipliers, the same on every machine: digests of their index."""
    digests = (hashlib.sha256(b"weir minhash %d" % i).digest() for i in range(count))
    return np.array([int.from_bytes(d[:4], "big") | 1 for d in digests], np.uint32)


_MULTIPLIERS: Final = _constants(BANDS * _ROWS)[:, None]


def fingerprint(content: Content, links: Links, attachments: Attachments) -> str:
    """Return the content's fingerprint: near texts share bands, see `near`.

    Six bands of 8 hex digits joined by '-'. Words with digits and very long ones are left out:
    they are what a campaign changes for each recipient. A text too short for that gives `=` and 16
    hex digits over its words, its links' domains and its attachments; no content gives ''.
    """
    words = [word for word in content.words[:_WORDS] if len(word) <= _LONGEST and word.isalpha()]
    # To hash a word costs less than to find its hash among thousands.
    kept = array("I", filter(None, map(crc32, map(str.encode, words))))
    if len(kept) < _FEWEST + _SHINGLE - 1:
        return _exact(kept, links, attachments)
    hashes = np.frombuffer(kept, np.uint32)
    shingles = np.correlate(hashes, _MIX)  # each word times its place's factor, modulo 2**32
    least = np.minimum.reduce(shingles * _MULTIPLIERS, axis=1).tolist()
    bands = [
        (one * _FIRST ^ two * _SECOND ^ three * _THIRD) & 0xFFFF_FFFF
        for one, two, three in zip(least[::_ROWS], least[1::_ROWS], least[2::_ROWS], strict=True)
    ]
    return b"".join([band.to_bytes(4, "big") for band in bands]).hex("-", 4)


def near(one: str, other: str) -> bool:
    """Tell whether two fingerprints are of near-duplicate contents: two of six bands are equal."""
    if not one or not other:
        return False
    if one == other:
        return True
    bands = zip(one.split("-"), other.split("-"), strict=False)
    return sum(mine == theirs for mine, theirs in bands) >= _NEAR


def _exact(words: Iterable[int], links: Links, attachments: Attachments) -> str:
    domains = sorted(links.domains)
    digests = [attachment.sha256 for attachment in attachments.all]
    if not (words or domains or digests):
        return ""
    content = "\0".join((" ".join(map(str, words)), " ".join(domains), " ".join(digests)))
    return "=" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
