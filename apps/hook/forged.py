"""Authentication-Results that bear a name of ours and that nobody of ours wrote (RFC 8601, 5)."""

from collections.abc import Set as AbstractSet

from features.authentication_results import parse_authentication_results

__all__ = ["is_forged"]


def is_forged(value: bytes, identifiers: AbstractSet[str]) -> bool:
    """Tell whether results bear one of our identifiers, which are in lower case.

    In what can't be read they count wherever they stand: somebody else may read more of a field
    than we do, and believe it.
    """
    text = value.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "replace")
    identifier = parse_authentication_results(text)[0].rstrip(".")
    if identifier:
        return identifier in identifiers
    lower = text.lower()
    return any(name in lower for name in identifiers)
