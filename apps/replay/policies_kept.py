"""A policy as it was put in force, complete, read back and held against its digest."""

import msgspec

from detectors.policy import Policy, PolicySet
from streams.policies import KeptPolicy

__all__ = ["KeptPolicyError", "read_kept"]


class _Policies(msgspec.Struct, frozen=True):
    default: Policy
    tenants: dict[str, Policy] = {}


class KeptPolicyError(ValueError):
    """A kept policy can't be used: one line that says why."""


def read_kept(content: bytes | KeptPolicy, digest: str) -> PolicySet:
    """Return the policies of a record that streams.policies kept under a digest.

    What is in it counts, not the source beside it: that was read over the shipped policy of its
    time. Raises KeptPolicyError.
    """
    try:
        kept = content
        if isinstance(kept, bytes):
            kept = msgspec.json.decode(kept, type=KeptPolicy)
        found = msgspec.convert(kept.policies, _Policies)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeptPolicyError(f"policy {digest}: its record isn't readable ({error})") from None
    policies = PolicySet(found.default, found.tenants)
    if policies.digest != digest:
        raise KeptPolicyError(
            f"policy {digest}: its record has digest {policies.digest}: it was changed, or this "
            "release reads it otherwise"
        )
    return policies
