"""Chance that is the same for every filter: a number of [0, 1) by seed, purpose and message."""

import hashlib
import math

__all__ = ["draw", "late"]


def draw(seed: int, purpose: str, place: int) -> float:
    """Return a number of [0, 1) that only its arguments decide.

    Filters that are compared on one stream so get the same labels, as far as what they say of the
    mail allows, and the comparison is one in pairs.
    """
    digest = hashlib.blake2b(f"{seed} {purpose} {place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def late(share: float, mean: float) -> float:
    """Return the exponential distribution's quantile of a share in [0, 1): a delay."""
    return -mean * math.log1p(-share)
