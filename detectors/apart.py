"""What a message has only because of the kind of mail it is: marked, so that it can be discounted.

The kind must be checked, since anybody can write one. Where a report brings a message back, what
was found is looked for once more without that message: only what is then gone is the returned
message's, so that nothing outside of it counts for less.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from msgspec.structs import replace as replaced

from detectors.brands import SHIPPED, Brands
from detectors.kinds import KindOfMail, checked_kind
from detectors.signals import Detector, Finding
from features.attachments import read_attachments
from features.content import read_content
from features.context import Context
from features.domains import split_host
from features.evidence import Evidence
from features.links import read_links
from features.mail_kind import Kind
from features.message import Message, Part, parse, without_enclosed

__all__ = ["detect", "set_apart"]

_Scope = Literal["nothing", "returned", "whole"]
_SUBJECT = 20  # characters that tools put before a reported message's own subject


def detect(
    detectors: Sequence[Detector], evidence: Evidence, context: Context, brands: Brands = SHIPPED
) -> list[Finding]:
    """Return what detectors find, marked by the message's kind; raises what breaks in one."""
    found = [it for detector in detectors for it in detector.detect(evidence, context, brands)]
    return set_apart(found, detectors, evidence, context, brands)


def set_apart(
    findings: list[Finding],
    detectors: Sequence[Detector],
    evidence: Evidence,
    context: Context,
    brands: Brands = SHIPPED,
) -> list[Finding]:
    """Return findings marked by the message's kind; `detectors` are those that found them."""
    checked = checked_kind(evidence)
    if checked.mail.kind == "ordinary":
        return findings
    kind, scope = _discounted(checked, context)
    if not kind:
        return findings
    if scope != "returned":
        return [replace(it, kind=kind, inside=scope == "whole") for it in findings]
    outside = _outside(evidence, context, checked if kind == "abuse_report" else None)
    bare = {
        finding.name: finding
        for detector in detectors
        for finding in detector.detect(outside, context, brands)
    }
    known = {finding.name for finding in findings}
    return [
        *(
            replace(_louder(it, bare.get(it.name)), kind=kind, inside=it.name not in bare)
            for it in findings
        ),
        # A returned message may also hide something, as links to the sender's own domain do.
        *(replace(it, kind=kind) for name, it in bare.items() if name not in known),
    ]


def _louder(whole: Finding, outside: Finding | None) -> Finding:
    """Return the stronger one of what was found with and without the returned message."""
    return outside if outside is not None and outside.strength > whole.strength else whole


def _discounted(checked: KindOfMail, context: Context) -> tuple[Kind | Literal[""], _Scope]:
    """Return the kind that the weights may discount, and what of the message it brings along."""
    mail = checked.mail
    if checked.ours_returned:
        return "bounce", "returned"
    if "bounce" in mail.also:
        return ("bounce", "nothing") if _may_be_ours(checked, context) else ("", "nothing")
    if checked.complaint:
        return "abuse_report", "returned"
    if checked.at_desk and checked.from_ours and mail.passed_on:
        return "abuse_report", "whole"
    if checked.invited:
        return "invitation", "nothing"
    return ("list", "whole") if checked.through_list else ("", "nothing")


def _may_be_ours(checked: KindOfMail, context: Context) -> bool:
    """Say whether nobody asked the state, and a bounce's own words have nothing to lure to."""
    if checked.answers is not None:
        return False
    outside = _outside(checked.evidence, context)
    ours = {
        split_host(address.rpartition("@")[2]).registrable for address in outside.headers.recipients
    } - {""}
    return not outside.attachments.all and all(
        link.domain.registrable in ours for link in outside.links.all
    )


def _outside(evidence: Evidence, context: Context, report: KindOfMail | None = None) -> Evidence:
    """Return the evidence without enclosed messages; sender, history and vector are the same.

    Of a `report` the subject is left out too where it repeats that of what is reported.
    """
    message = without_enclosed(evidence.message, context.limits)
    headers = evidence.headers
    if report is not None and _repeats_subject(report, context):
        headers = replaced(headers, subject="", subject_folded="", subject_words=())
    content = read_content(message, headers, context.limits)
    return replace(
        evidence,
        message=message,
        headers=headers,
        content=content,
        links=read_links(content, headers, evidence.envelope, context.limits),
        attachments=read_attachments(
            replaced(message, attachments=_apart_from_status(message)), context.limits
        ),
    )


def _apart_from_status(message: Message) -> tuple[Part, ...]:
    """Return the attachments but for a report's own machine-readable part (RFC 6522)."""
    return tuple([it for it in message.attachments if not it.content_type.startswith("message/")])


def _repeats_subject(report: KindOfMail, context: Context) -> bool:
    own = report.evidence.headers.subject
    for part in report.mail.enclosed[:1]:
        reported = parse(part.content, context.limits).first("subject").strip()
        if reported and own.endswith(reported) and len(own) - len(reported) <= _SUBJECT:
            return True
    return False
