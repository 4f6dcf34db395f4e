"""Which message this is, which it answers, and whether it brings one of ours back (RFC 3464)."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from features.envelope import Envelope
from features.headers import Headers
from features.message import Message
from features.trace_fields import parse_date

__all__ = [
    "answered_ids",
    "is_bounce",
    "is_personal",
    "own_id",
    "returned_date",
    "returned_id",
    "thread_ids",
]

_ANSWERED = 10  # Message-IDs of References from either end, and of In-Reply-To
_READ = 8_192  # characters of a field from either end
_RETURNED = 65_536  # bytes of a returned message's header
_BULK: Final = frozenset({"bulk", "list", "junk"})
_ID = re.compile(r"<([^<>\s]{1,998})>")
_RETURNED_ID = re.compile(rb"(?im)^message-id:\s{0,8}<([^<>\s]{1,998})>")
_RETURNED_DATE = re.compile(rb"(?im)^date:[ \t]{0,8}([^\r\n]{1,100})")
_FAILED = re.compile(rb"(?im)^action:[ \t]{0,8}failed")
_RETURNED_TYPES: Final = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}
)
_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})


def own_id(message: Message) -> str:
    """Return the Message-ID without its brackets, '' for none (RFC 5322, 3.6.4)."""
    return next(iter(_ids(message.raw_first("message-id"))), "")


def answered_ids(message: Message, *, bounce: bool) -> tuple[str, ...]:
    """Return the Message-IDs that a message answers, each once; a bounce's returned one first.

    Of References the first and the last ten: a thread begins with the one, and goes on from the
    others.
    """
    found: list[str] = list(_returned_ids(message)) if bounce else []
    found += _ids(message.raw_first("in-reply-to"))[:_ANSWERED]
    references = _ids(message.raw_first("references"))
    found += references[:_ANSWERED] + references[-_ANSWERED:]
    return tuple(dict.fromkeys(found))


def returned_id(message: Message) -> str:
    """Return the Message-ID of the message that a bounce brings back as a part, '' for none."""
    return next(_returned_ids(message), "")


def returned_date(message: Message) -> datetime | None:
    """Return the Date of the message that a bounce brings back as a part, None for none."""
    for match in _returned(message, _RETURNED_DATE):
        return parse_date(match[1].decode("ascii", "replace"))
    return None


def thread_ids(message: Message) -> tuple[list[str], list[str]]:
    """Return the Message-IDs of In-Reply-To and of References, the first and last ten of them."""
    references = _ids(message.raw_first("references"))
    return _ids(message.raw_first("in-reply-to"))[:_ANSWERED], [
        *references[:_ANSWERED],
        *references[-_ANSWERED:],
    ]


def is_bounce(message: Message, headers: Headers, envelope: Envelope) -> bool:
    """Tell whether a message reports that another could not be delivered (RFC 3464).

    It has the null sender and says that delivery failed: neither a delay nor a disposition
    notification (RFC 8098) is a bounce.
    """
    null = envelope.mail_from == "" or (
        envelope.mail_from is None and not headers.return_path.address
    )
    return (
        null
        and message.content_type == "multipart/report"
        and any(
            part.content_type in _STATUS_TYPES and _FAILED.search(part.content[:_READ])
            for part in message.attachments
        )
    )


def is_personal(headers: Headers, envelope: Envelope) -> bool:
    """Tell whether a person wrote a message, not a program, and not to many (RFC 3834)."""
    return (
        not headers.auto_submitted and headers.precedence not in _BULK and envelope.mail_from != ""
    )


def _ids(value: str) -> list[str]:
    if len(value) > 2 * _READ:
        value = f"{value[:_READ]} {value[-_READ:]}"
    return _ID.findall(value)


def _returned_ids(message: Message) -> Iterator[str]:
    for match in _returned(message, _RETURNED_ID):
        yield match[1].decode("utf-8", "backslashreplace")


def _returned(message: Message, field: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Yield the first such field in what a bounce brings back."""
    for part in (*message.attachments, *message.text_parts):
        if part.content_type in _RETURNED_TYPES:
            match = field.search(part.content[:_RETURNED])
            if match:
                yield match
                return
