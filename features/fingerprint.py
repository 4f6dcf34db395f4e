"""Near-duplicate fingerprint of content: messages that share one are a campaign.

Minwise hashing of word 3-grams in bands (Broder, "On the resemblance and containment of documents",
1997; banding as in Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3).
"""

import hashlib
from functools import lru_cache
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
_WORDS = 400
_FEWEST = 12  # shingles; below it, minhashes of unrelated texts collide
_LONGEST = 24  # letters: beyond it a word is a token made for one recipient
_MIX: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def _constants(count: int) -> NDArray[np.uint64]:
    """Return odd 64-bit multipliers, the same on every machine: digests of their index."""
    digests = (hashlib.sha256(b"weir minhash %d" % i).digest() for i in range(count))
    return np.array([int.from_bytes(d[:8], "big") | 1 for d in digests], np.uint64)


_MULTIPLIERS: Final = _constants(BANDS * _ROWS)[:, None]


@lru_cache(maxsize=65_536)
def _hash_word(word: str) -> int:
    """Return the word's hash; 0 for what a campaign changes from one recipient to the next."""
    if len(word) > _LONGEST or not word.isalpha():
        return 0
    return crc32(word.encode("utf-8", "replace"))


def fingerprint(content: Content, links: Links, attachments: Attachments) -> str:
    """Return the content's fingerprint: near texts share bands, see `near`.

    Six bands of 8 hex digits joined by '-'. Words with digits and very long ones are left out:
    they are what a campaign changes for each recipient. A text too short for that gives `=` and 16
    hex digits over its words, its links' domains and its attachments; no content gives ''.
    """
    kept = [found for found in map(_hash_word, content.words[:_WORDS]) if found]
    if len(kept) < _FEWEST + _SHINGLE - 1:
        return _exact(kept, links, attachments)
    hashes = np.array(kept, np.uint64)
    shingles = hashes[:-2] * _MIX[0] + hashes[1:-1] * _MIX[1] + hashes[2:] * _MIX[2]
    smallest = ((shingles * _MULTIPLIERS) >> np.uint64(16)).min(axis=1)
    bands = smallest.reshape(BANDS, _ROWS)
    mixed = (bands * _MIX).sum(axis=1, dtype=np.uint64) >> np.uint64(32)
    return "-".join([f"{band:08x}" for band in mixed.tolist()])


def near(one: str, other: str) -> bool:
    """Tell whether two fingerprints are of near-duplicate contents: two of six bands are equal."""
    if not one or not other:
        return False
    if one == other:
        return True
    bands = zip(one.split("-"), other.split("-"), strict=False)
    return sum(mine == theirs for mine, theirs in bands) >= _NEAR


def _exact(words: list[int], links: Links, attachments: Attachments) -> str:
    domains = sorted(links.domains)
    digests = [attachment.sha256 for attachment in attachments.all]
    if not (words or domains or digests):
        return ""
    content = "\0".join((" ".join(map(str, words)), " ".join(domains), " ".join(digests)))
    return "=" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
