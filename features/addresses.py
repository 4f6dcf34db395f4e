"""Personal addresses as keyed hashes: whoever has the record alone can't tell whose they are."""

import hmac
import unicodedata
from functools import lru_cache

from features.context import Context

__all__ = ["hash_address"]

_BYTES = 16  # 128 bits
_LONGEST_KEPT = 320  # characters (RFC 5321, 4.5.3.1: 64 and 255): hostile ones aren't kept


def hash_address(address: str, context: Context) -> str:
    """Return `keyid:hex`, HMAC-SHA256 cut to 128 bits of the lower-cased NFC address; '' for ''.

    The key's id leads, so that hashes under an older key stay readable. Characters that aren't
    Unicode scalar values are hashed as backslash escapes.
    """
    if not address:
        return ""
    make = _kept if len(address) <= _LONGEST_KEPT else _hash
    return f"{context.hash_key_id}:{make(address, context.hash_key)}"


def _hash(address: str, key: bytes) -> str:
    folded = unicodedata.normalize("NFC", address.lower())
    digest = hmac.digest(key, folded.encode("utf-8", "backslashreplace"), "sha256")
    return digest[:_BYTES].hex()


_kept = lru_cache(maxsize=16_384)(_hash)
