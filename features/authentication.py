"""Which identity is proven, and by what: SPF, DKIM, DMARC, ARC as our own edge reported them."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

from features.authentication_results import (
    MethodResult,
    Result,
    as_result,
    parse_authentication_results,
)
from features.client import is_inside, parse_ip
from features.context import Context
from features.domains import split_host
from features.envelope import Envelope, Fact
from features.headers import Headers
from features.mailboxes import Mailbox
from features.message import Message

__all__ = ["Authentication", "Result", "read_authentication"]

_FIELD = "authentication-results"
_METHODS = ("spf", "dkim", "dmarc", "arc")
_LONGEST_SEAL = 8_192


@dataclass(frozen=True, slots=True)
class Authentication:
    """Results by method; `missing` where nobody of ours looked, which is not a failure.

    `dkim_domains` are the d= of signatures that pass. `spf_domain` is the domain SPF passed for.
    `aligned` says whether a proven domain has From's organizational domain (relaxed alignment,
    RFC 9989, with the public suffix list of RFC 7489), None where nothing was looked up.
    `proven` is that identity's domain, `proven_by` how ("dkim", "spf", ""): aligned DKIM first,
    then aligned SPF, then any DKIM, then SPF. `arc_sealer` is the trusted sealer whose chain
    passes, else ''. `forged` counts Authentication-Results headers that bear our authserv-id
    though ours did not write them. `source` is "facts", "header" or "".
    """

    spf: Result
    dkim: Result
    dmarc: Result
    arc: Result
    arc_sealer: str
    spf_domain: str
    dkim_domains: tuple[str, ...]
    aligned: bool | None
    proven: str
    proven_by: Literal["dkim", "spf", ""]
    forged: int
    source: Literal["facts", "header", ""]


class _Findings(NamedTuple):
    """What one source says; domains only of what passes."""

    spf: Result = "missing"
    dkim: Result = "missing"
    dmarc: Result = "missing"
    arc: Result = "missing"
    spf_domain: str = ""
    dkim_domains: tuple[str, ...] = ()
    sealer: str = ""


_NOTHING = _Findings()


def read_authentication(
    headers: Headers, message: Message, envelope: Envelope, context: Context
) -> Authentication:
    """Take results from the envelope's facts, else from headers of our own verifier (RFC 8601).

    Facts: `spf`, `dkim`, `dmarc`, `arc` are result words; `spf.domain` is the domain SPF was
    checked for (by default MAIL FROM's, else HELO's), `dkim.domains` the d= of the signatures
    that pass, separated by blanks, `arc.sealer` the d= of the newest seal of a chain that passes.

    Headers count only if `context.upstream_verifies`, bear one of `context.authserv_ids`, and
    stand where ours writes: above the first Received that names a client outside
    `trusted_relays` (the edge's own), or, where none does, right below it. Of two statements on
    one method the topmost counts; DKIM may have several in the same field.
    """
    own = _own_fields(message, context)
    believed = _believed(own, message, headers, context) if own else []
    facts = envelope.facts
    source: Literal["facts", "header", ""] = ""
    if any(method in facts for method in _METHODS):
        found, source = _from_facts(facts, envelope), "facts"
    elif believed:
        found, source = _from_fields(believed, message, envelope), "header"
    else:
        found = _NOTHING
    proven, by, aligned = _prove(found, headers.from_)
    if found.dmarc == "pass":
        aligned = True
    trusted = found.arc == "pass" and found.sealer in context.trusted_sealers
    return Authentication(
        spf=found.spf,
        dkim=found.dkim,
        dmarc=found.dmarc,
        arc=found.arc,
        arc_sealer=found.sealer if trusted else "",
        spf_domain=found.spf_domain,
        dkim_domains=found.dkim_domains,
        aligned=aligned if source else None,
        proven=proven,
        proven_by=by,
        forged=len(own) - len(believed),
        source=source,
    )


def _own_fields(message: Message, context: Context) -> dict[int, list[MethodResult]]:
    """Return the fields that bear an authserv-id of ours, by their place in the header."""
    if not context.authserv_ids or not message.first(_FIELD):
        return {}
    ours = {name.lower() for name in context.authserv_ids}
    found: dict[int, list[MethodResult]] = {}
    for place, header in enumerate(message.headers):
        if header.name == _FIELD:
            identifier, results = parse_authentication_results(header.value)
            if identifier in ours:
                found[place] = results
    return found


def _believed(
    own: dict[int, list[MethodResult]], message: Message, headers: Headers, context: Context
) -> list[list[MethodResult]]:
    if not context.upstream_verifies:
        return []
    edge = _edge(message, headers, context.trusted_relays)
    above = [results for place, results in own.items() if place < edge]
    if above:
        return above
    below: list[list[MethodResult]] = []
    place = edge + 1
    while place in own:
        below.append(own[place])
        place += 1
    return below


def _edge(message: Message, headers: Headers, relays: Iterable[IPv4Network | IPv6Network]) -> int:
    """Return the place of the Received field that our edge wrote about the outside client.

    Hops inside (relays of ours, loopback, no client at all) stand above it.
    """
    received = [place for place, header in enumerate(message.headers) if header.name == "received"]
    for place, hop in zip(received, headers.hops, strict=False):
        if not hop.ip and not hop.helo:
            continue
        address = parse_ip(hop.ip)
        if address is None or not is_inside(address, relays):
            return place
    return len(message.headers)


def _from_facts(facts: dict[str, Fact], envelope: Envelope) -> _Findings:
    def word(name: str) -> str:
        fact = facts.get(name)
        value = fact.value if fact is not None else None
        if isinstance(value, bool):
            return "pass" if value else "fail"
        return value.lower() if isinstance(value, str) else ""

    spf, dkim = as_result(word("spf")), as_result(word("dkim"))
    domains = tuple(dict.fromkeys(word("dkim.domains").replace(",", " ").split()))
    return _Findings(
        spf=spf,
        dkim=dkim,
        dmarc=as_result(word("dmarc")),
        arc=as_result(word("arc")),
        spf_domain=_spf_domain(word("spf.domain"), envelope) if spf == "pass" else "",
        dkim_domains=domains if dkim == "pass" else (),
        sealer=word("arc.sealer"),
    )


def _from_fields(
    fields: list[list[MethodResult]], message: Message, envelope: Envelope
) -> _Findings:
    by_method: dict[str, list[MethodResult]] = {}
    for results in fields:
        new: dict[str, list[MethodResult]] = {}
        for result in results:
            if result.method in _METHODS and result.method not in by_method:
                new.setdefault(result.method, []).append(result)
        by_method |= new

    def first(method: str) -> Result:
        found = by_method.get(method)
        return found[0].result if found else "missing"

    signatures = by_method.get("dkim", [])
    passed = [signature for signature in signatures if signature.result == "pass"]
    domains = [
        signature.properties.get("header.d")
        or signature.properties.get("header.i", "").rpartition("@")[2]
        for signature in passed
    ]
    spf = first("spf")
    checked = ""
    if spf == "pass":
        properties = by_method["spf"][0].properties
        checked = properties.get("smtp.mailfrom", "").strip("<>").rpartition("@")[2]
        checked = checked or properties.get("smtp.helo", "")
    return _Findings(
        spf=spf,
        dkim="pass" if passed else first("dkim"),
        dmarc=first("dmarc"),
        arc=first("arc"),
        spf_domain=_spf_domain(checked, envelope) if spf == "pass" else "",
        dkim_domains=tuple(dict.fromkeys([domain for domain in domains if domain])),
        sealer=_newest_sealer(message) if first("arc") == "pass" else "",
    )


def _spf_domain(checked: str, envelope: Envelope) -> str:
    """RFC 7208, 2.4: MAIL FROM's domain is checked, HELO's for the null sender."""
    sender = (envelope.mail_from or "").rpartition("@")[2]
    return (checked or sender or envelope.client.helo or "").lower().strip(".[]")


def _newest_sealer(message: Message) -> str:
    """Return the d= of the ARC-Seal with the highest instance (RFC 8617, 4.1.3)."""
    newest, sealer = 0, ""
    for value in message.all("arc-seal"):
        tags: dict[str, str] = {}
        for tag in value[:_LONGEST_SEAL].split(";"):
            name, _, given = tag.partition("=")
            tags.setdefault(name.strip().lower(), given.strip().lower())
        instance = tags.get("i", "")
        if instance.isascii() and instance.isdigit() and newest < int(instance[:4]):
            newest, sealer = int(instance[:4]), tags.get("d", "")
    return sealer


def _prove(found: _Findings, author: Mailbox) -> tuple[str, Literal["dkim", "spf", ""], bool]:
    for domain in found.dkim_domains:
        if _same_organization(domain, author):
            return domain, "dkim", True
    if found.spf_domain and _same_organization(found.spf_domain, author):
        return found.spf_domain, "spf", True
    if found.dkim_domains:
        return found.dkim_domains[0], "dkim", False
    if found.spf_domain:
        return found.spf_domain, "spf", False
    return "", "", False


def _same_organization(domain: str, author: Mailbox) -> bool:
    organization = author.domain.registrable
    if organization:
        return split_host(domain).registrable == organization
    return bool(author.host) and domain == author.host
