"""DMARC policy records (RFC 9989, 4.7): the tags that a receiver acts on."""

import re
from typing import Literal, NamedTuple, cast

__all__ = ["Policy", "PolicyRecord", "parse_policies", "parse_policy"]

Policy = Literal["none", "quarantine", "reject"]

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_REPORTS = re.compile(r"[ \t]*[a-z][a-z0-9+.-]*:[^ \t,]", re.IGNORECASE)
_LONGEST = 4_096  # characters
_POLICIES = ("none", "quarantine", "reject")


class PolicyRecord(NamedTuple):
    """What a domain publishes. `p` is None where it can't be acted on (4.10.1).

    `psd` is "y" for a public suffix, "n" for an organization's own domain, "u" for what the tree
    says; `testing` (t=y) asks for the policy one step below.
    """

    p: Policy | None
    sp: Policy | None = None
    np: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: Literal["y", "n", "u"] = "u"
    testing: bool = False


def parse_policies(records: tuple[str, ...]) -> PolicyRecord | None:
    """Return the record among a name's TXT records; None where there is none, or more than one."""
    found = [record for record in records if _VERSION.match(record)]
    return parse_policy(found[0]) if len(found) == 1 else None


def parse_policy(text: str) -> PolicyRecord | None:
    """Read a record; None for what doesn't start with `v=DMARC1`. Unknown tags don't count."""
    if not _VERSION.match(text) or len(text) > _LONGEST:
        return None
    tags: dict[str, str] = {}
    for tag in text.split(";")[1:]:
        name, _, value = tag.partition("=")
        tags.setdefault(name.strip().lower(), value.strip())
    lower = {name: value.lower() for name, value in tags.items()}
    valid = lower.get("p") in _POLICIES and all(
        lower.get(name, "none") in _POLICIES for name in ("sp", "np")
    )
    psd = lower.get("psd")
    record = PolicyRecord(
        p=None,
        strict_dkim=lower.get("adkim") == "s",
        strict_spf=lower.get("aspf") == "s",
        psd="y" if psd == "y" else "n" if psd == "n" else "u",
        testing=lower.get("t") == "y",
    )
    if valid:
        return record._replace(
            p=cast("Policy", lower["p"]),
            sp=cast("Policy | None", lower.get("sp")),
            np=cast("Policy | None", lower.get("np")),
        )
    # 4.10.1: who asks for reports takes part, whatever is wrong with the rest.
    return record._replace(p="none") if _REPORTS.match(tags.get("rua", "")) else record
