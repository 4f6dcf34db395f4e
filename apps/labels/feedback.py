"""Abuse reports in the format of feedback loops: ARF (RFC 5965, 6650), redacted or not (6590)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from apps.labels.fields import blocks
from apps.labels.report import NoReport, Report
from apps.labels.returned import returned
from features.mailboxes import parse_mailbox
from features.message import Message
from models.label import Truth

__all__ = ["FEEDBACK_TYPES", "is_feedback", "read_feedback"]

_TYPE: Final = "message/feedback-report"

FEEDBACK_TYPES: Final[Mapping[str, Truth]] = MappingProxyType(
    {
        "abuse": "spam",
        "fraud": "phish",
        "virus": "malware",
        "not-spam": "ham",
        "opt-out": "unwanted",
        "opt-out-list": "unwanted",
    }
)
"""What each feedback type says of the message (RFC 5965, 7.3; opt-out: drafts before it)."""


def is_feedback(message: Message) -> bool:
    """Tell whether a message has a feedback report of its own."""
    return any(part.content_type == _TYPE and not part.nested for part in message.attachments)


def read_feedback(message: Message) -> Report | NoReport:
    """Read an abuse report; types that no person gave (auth-failure, dmarc) are none."""
    part = next(p for p in message.attachments if p.content_type == _TYPE and not p.nested)
    fields = next(iter(blocks(part.content)), {})
    kind = fields.get("feedback-type", "").partition(";")[0].strip().lower()
    if not kind:
        return NoReport("a feedback report without Feedback-Type", "arf")
    if kind in {"auth-failure", "dmarc"}:
        return NoReport(f"a report of type {kind}, which no person gave", "arf")
    found = tuple(returned(message))
    if not found:
        return NoReport("a feedback report without the message that it is about", "arf")
    # RFC 5965, 2 (d): a report is about one message
    return Report("arf", FEEDBACK_TYPES.get(kind), _sender(message), found[:1], len(found) - 1)


def _sender(message: Message) -> str:
    return parse_mailbox(message.raw_first("from")).address
