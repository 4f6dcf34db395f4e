"""Personal addresses as keyed hashes: whoever has the record alone can't tell whose they are."""

import hmac
import unicodedata

from features.context import Context

__all__ = ["hash_address"]

_BYTES = 16  # 128 bits


def hash_address(address: str, context: Context) -> str:
    """Return `keyid:hex`, HMAC-SHA256 cut to 128 bits of the lower-cased NFC address; '' for ''.

    The key's id leads, so that hashes under an older key stay readable. Characters that aren't
    Unicode scalar values are hashed as backslash escapes.
    """
    if not address:
        return ""
    folded = unicodedata.normalize("NFC", address.lower())
    digest = hmac.digest(context.hash_key, folded.encode("utf-8", "backslashreplace"), "sha256")
    return f"{context.hash_key_id}:{digest[:_BYTES].hex()}"
