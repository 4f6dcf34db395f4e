"""DMARC (RFC 9989): whether what is proven is the author's domain, and what it asks for if not."""

import asyncio
from typing import NamedTuple

from apps.hook.verifying.policy_records import Policy, PolicyRecord
from apps.hook.verifying.resolver import Resolver, UnansweredError
from apps.hook.verifying.signatures import Checked
from apps.hook.verifying.spf import Spf
from apps.hook.verifying.splitting import Split
from apps.hook.verifying.tree_walk import Walk, organizational_domain, policy_record, walk
from features.authentication_results import Result
from features.domains import to_ascii
from features.mailboxes import parse_mailboxes

__all__ = ["Published", "aligned", "author_domain", "conclude", "published"]

_BELOW: dict[Policy, Policy] = {"reject": "quarantine", "quarantine": "none", "none": "none"}


class Published(NamedTuple):
    """What applies to an author's domain: the record, and the policy in force."""

    author: Walk
    record: PolicyRecord
    policy: Policy | None


def author_domain(message: Split) -> str:
    """Return From's domain in letters of the DNS; "" where there isn't exactly one (5.3.1)."""
    values = message.all(b"from")
    if len(values) != 1:
        return ""
    mailboxes = parse_mailboxes(values[0].decode("utf-8", "surrogateescape").strip(), 50)
    domains = {to_ascii(mailbox.host) for mailbox in mailboxes if mailbox.host}
    return domains.pop() if len(domains) == 1 else ""


async def published(domain: str, resolver: Resolver) -> Published | None:
    """Find the record for an author's domain; None where none applies.

    Raises UnansweredError. `np` holds for a name without A, AAAA and MX records (3.2.14).
    """
    walked = await walk(domain, resolver)
    found = policy_record(walked)
    if found is None:
        return None
    name, record = found
    policy = record.p
    if policy is not None and name != domain:
        policy = record.sp or policy
        if record.np is not None and record.np != policy and not await _exists(domain, resolver):
            policy = record.np
    if policy is not None and record.testing:
        policy = _BELOW[policy]
    return Published(walked, record, policy)


async def _exists(domain: str, resolver: Resolver) -> bool:
    answers = await asyncio.gather(
        *(resolver.look_up(domain, kind) for kind in ("A", "AAAA", "MX"))
    )
    return any(answer.records for answer in answers)


async def aligned(found: Published, domain: str, *, strict: bool, resolver: Resolver) -> bool:
    """Tell whether a proven domain is the author's (4.4); raises UnansweredError.

    Names of one organization have their last two labels in common, so that others cost nothing.
    """
    author = found.author.start
    if domain == author:
        return True
    if strict or domain.split(".")[-2:] != author.split(".")[-2:]:
        return False
    other = await walk(domain, resolver)
    return organizational_domain(other) == organizational_domain(found.author)


async def conclude(
    found: Published, spf: Spf | None, signatures: list[Checked], resolver: Resolver
) -> Result:
    """Evaluate what was checked; `temperror` where what nobody could say might have passed."""
    if found.policy is None:
        return "permerror"
    identifiers = [(mark.result, mark.domain, found.record.strict_dkim) for mark in signatures]
    if spf is not None:
        identifiers.append((spf.result, spf.domain, found.record.strict_spf))
    unknown = False
    for result, domain, strict in identifiers:
        if result not in {"pass", "temperror"}:
            continue
        try:
            fits = await aligned(found, domain, strict=strict, resolver=resolver)
        except UnansweredError:
            unknown = True
            continue
        if fits and result == "pass":
            return "pass"
        unknown = unknown or fits
    return "temperror" if unknown else "fail"
