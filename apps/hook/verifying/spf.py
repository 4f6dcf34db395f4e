"""SPF (RFC 7208): whether MAIL FROM's domain lets this client send, by spftrace over our DNS."""

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from spftrace import Evaluator, Limits
from spftrace.resolver import NOERROR, NXDOMAIN, SERVFAIL, BaseResolver

from apps.hook.verifying.resolver import Kind, Resolver, UnansweredError
from features.authentication_results import Result, as_result
from features.domains import to_ascii

__all__ = ["Spf", "check_spf"]

_LONGEST_RECORD = 4_096  # characters; RFC 7208, 3.4 wants less than 512 octets in an answer
_KINDS: dict[str, Kind] = {"TXT": "TXT", "A": "A", "AAAA": "AAAA", "MX": "MX", "PTR": "PTR"}
_FOREVER = 3_600.0  # seconds; the caller's own limit comes first


class Spf(NamedTuple):
    """The result, and the domain that was checked: MAIL FROM's, or HELO's of a null sender."""

    result: Result
    domain: str


class _Answers(BaseResolver):
    """Our look-ups in the form that spftrace asks for, of nothing but their answers."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        try:
            answer = await self._resolver.look_up(name, _KINDS[rtype])
        except UnansweredError:
            return SERVFAIL, []
        if not answer.exists:
            return NXDOMAIN, []
        return NOERROR, [record for record in answer.records if len(record) <= _LONGEST_RECORD]


async def check_spf(
    address: IPv4Address | IPv6Address, sender: str, helo: str, resolver: Resolver
) -> Spf:
    """Evaluate check_host() for a client that says MAIL FROM:<sender> (2.4) after HELO.

    At most ten terms that ask the DNS, two void look-ups (4.6.4) and 75 questions altogether;
    what exceeds them is `permerror`. Never raises but by cancellation.
    """
    domain = to_ascii((sender.rpartition("@")[2] if sender else helo).strip("[].").lower())
    local = sender.rpartition("@")[0] if sender else ""
    checked = f"{local or 'postmaster'}@{domain}"
    try:
        evaluator = Evaluator(_Answers(resolver), Limits(time_limit=_FOREVER))
        verdict = (await evaluator.evaluate(str(address), checked, to_ascii(helo))).result
    except Exception:  # noqa: BLE001 - whatever a hostile record breaks is the record's fault
        verdict = "permerror"
    return Spf(as_result(verdict), domain)
