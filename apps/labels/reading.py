"""A mail read as a report: which form it has, and what it brings back."""

from typing import Final

from apps.labels.bounces import is_bounce, read_bounce
from apps.labels.feedback import is_feedback, read_feedback
from apps.labels.report import Form, NoReport, Report
from apps.labels.returned import enclosed, read_returned
from features.context import Limits
from features.mailboxes import parse_mailbox
from features.message import Message, parse

__all__ = ["MOST_FORWARDED", "form_of", "limits_of_reports", "read_report"]

MOST_FORWARDED: Final = 100
"""Messages of one mail forwarded as attachment that are read."""

_PARTS_OF_EACH: Final = 10  # of each message forwarded: all of them are walked
_AROUND: Final = 65_536  # bytes: what a report adds to the message that it encloses


def limits_of_reports(limits: Limits) -> Limits:
    """Return limits within which a report on the largest message is read in whole.

    The message comes back in base64 where its carrier is 7-bit: four bytes for three.
    """
    return Limits(
        message_bytes=limits.message_bytes * 4 // 3 + limits.message_bytes // 16 + _AROUND,
        headers=limits.headers,
        header_bytes=limits.header_bytes,
        parts=max(limits.parts, _PARTS_OF_EACH * MOST_FORWARDED),
        depth=limits.depth,
        text_bytes=limits.text_bytes,
    )


def form_of(message: Message) -> Form | None:
    """Tell which form of a report a message has, None for none."""
    if is_feedback(message):
        return "arf"
    if is_bounce(message):
        return "bounce"
    return "forward" if next(enclosed(message), None) else None


def read_report(raw: bytes, limits: Limits) -> Report | NoReport:
    """Read raw bytes as a report; never raises. Time is linear in their number."""
    message = parse(raw, limits)
    match form_of(message):
        case "arf":
            return read_feedback(message)
        case "bounce":
            return read_bounce(message)
        case "forward":
            found = list(enclosed(message))
            return Report(
                "forward",
                None,
                parse_mailbox(message.raw_first("from")).address,
                tuple(read_returned(it.content, whole=True) for it in found[:MOST_FORWARDED]),
                max(0, len(found) - MOST_FORWARDED),
            )
        case None:
            return NoReport("brings no message back: no ARF, no bounce, nothing attached")
