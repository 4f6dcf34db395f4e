"""Hard bounces: a delivery status that says a message of ours can't be delivered (RFC 3464)."""

import re
from collections.abc import Mapping
from typing import Final

from apps.labels.fields import blocks
from apps.labels.report import NoReport, Report
from apps.labels.returned import returned
from features.mailboxes import parse_mailbox
from features.message import Message

__all__ = ["is_bounce", "read_bounce"]

_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_PERMANENT: Final = re.compile(r"5\.\d{1,3}\.\d{1,3}(?![\d.])")


def is_bounce(message: Message) -> bool:
    """Tell whether a message has a delivery status of its own."""
    return any(part.content_type in _TYPES and not part.nested for part in message.attachments)


def read_bounce(message: Message) -> Report | NoReport:
    """Read a bounce; one that only tells of a delay or of success is no report."""
    part = next(p for p in message.attachments if p.content_type in _TYPES and not p.nested)
    recipients = [fields for fields in blocks(part.content) if "action" in fields]
    if not recipients:
        return NoReport("a delivery status without a recipient", "bounce")
    if not any(map(_is_hard, recipients)):
        said = sorted({fields["action"].lower()[:20] for fields in recipients})
        return NoReport(f"no hard bounce but a status {', '.join(said)}", "bounce")
    found = tuple(returned(message))
    if not found:
        return NoReport("a bounce without the headers of the message that it is about", "bounce")
    sender = parse_mailbox(message.raw_first("from")).address
    # nobody reads there: a word about the account that sent, and about no message
    return Report("bounce", "unwanted", sender, found[:1], len(found) - 1)


def _is_hard(fields: Mapping[str, str]) -> bool:
    """RFC 3464, 2.3.3 and 2.3.4: failed, with a status of class 5 (RFC 3463)."""
    failed = fields["action"].partition("(")[0].strip().lower() == "failed"
    return failed and _PERMANENT.match(fields.get("status", "")) is not None
