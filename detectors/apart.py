"""Which findings a message has only because of the kind of mail it is: marked for their factors.

The kind must be checked, since anybody can write one. Where a report brings a message back, what
was found is looked for once more without that message: only what is then gone is the returned
message's, so that nothing outside of it counts for less.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal

from detectors.brands import SHIPPED, Brands
from detectors.kinds import KindOfMail, checked_kind
from detectors.signals import Detector, Finding
from features.attachments import read_attachments
from features.content import read_content
from features.context import Context
from features.evidence import Evidence
from features.links import read_links
from features.mail_kind import Kind
from features.message import without_enclosed

__all__ = ["detect", "set_apart"]

_Scope = Literal["returned", "whole"]
_REPORTS: Final = frozenset({"abuse_report", "aggregate_report"})


def detect(
    detectors: Sequence[Detector], evidence: Evidence, context: Context, brands: Brands = SHIPPED
) -> list[Finding]:
    """Return what detectors find, with marks of the kind; raises what breaks in one."""
    found = [it for detector in detectors for it in detector.detect(evidence, context, brands)]
    return set_apart(found, detectors, evidence, context, brands)


def set_apart(
    findings: list[Finding],
    detectors: Sequence[Detector],
    evidence: Evidence,
    context: Context,
    brands: Brands = SHIPPED,
) -> list[Finding]:
    """Return findings with those marked that are of the message's kind; `detectors` found them."""
    kind, scope = _discounted(checked_kind(evidence))
    if not kind:
        return findings
    if scope == "whole":
        return [replace(finding, kind=kind) for finding in findings]
    outside = _outside(evidence, context)
    bare = {
        finding.name: finding
        for detector in detectors
        for finding in detector.detect(outside, context, brands)
    }
    # What a returned message hides, as its own links may do, counts too.
    known = {finding.name for finding in findings}
    return [
        *_marked(findings, bare, kind),
        *(finding for name, finding in bare.items() if name not in known),
    ]


def _marked(findings: Iterable[Finding], bare: dict[str, Finding], kind: Kind) -> Iterable[Finding]:
    for finding in findings:
        alone = bare.get(finding.name)
        yield replace(finding, kind=kind) if alone is None else finding


def _discounted(kind: KindOfMail) -> tuple[Kind | Literal[""], _Scope]:
    """Return the kind that the weights may discount, and how much of the message it covers."""
    mail = kind.mail
    if kind.ours_returned:
        return "bounce", "returned"
    if kind.at_desk and (
        "abuse_report" in mail.also or ("forward" in mail.also and mail.passed_on == "attached")
    ):
        return "abuse_report", "returned"
    if kind.at_desk and kind.from_ours and mail.passed_on:
        return "abuse_report", "whole"
    if kind.invited:
        return "invitation", "whole"
    if kind.through_list:
        return "list", "whole"
    return "", "whole"


def _outside(evidence: Evidence, context: Context) -> Evidence:
    """Return the evidence without enclosed messages; sender, history and vector are the same."""
    message = without_enclosed(evidence.message, context.limits)
    content = read_content(message, evidence.headers, context.limits)
    return replace(
        evidence,
        message=message,
        content=content,
        links=read_links(content, evidence.headers, evidence.envelope, context.limits),
        attachments=read_attachments(message, context.limits),
    )
