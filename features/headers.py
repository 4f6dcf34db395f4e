"""Who says what in the header: mailboxes, subject, trace, list and reply marks (RFC 5322)."""

from datetime import datetime

import msgspec

from features.context import Context
from features.envelope import Envelope
from features.mailboxes import Mailbox, from_faults, parse_mailbox, parse_mailboxes
from features.message import Message
from features.text import fold, words
from features.trace_fields import Hop, Hops, parse_date

__all__ = ["Headers", "Hop", "Mailbox", "read_headers"]

_HOPS = 50  # Received fields that are read; RFC 5321, 6.3 lets a server refuse at 100
_MAILBOXES = 256  # a field
_RECIPIENTS = 512
_WORDS = 64  # of a display name or subject
_FOLDED = 4_096  # characters of a display name or subject
_RECIPIENT_FIELDS = ("delivered-to", "x-original-to")
_TRUE_REPLY = "auto-"


class Headers(msgspec.Struct, frozen=True, gc=False):
    """The header's subjects. `from_faults` name syntax faults of the *raw* From header.

    Faults: comma, glue, angles, after, nospace, multi, spaced, noaddr, badchar, badtld,
    duplicate (features.mailboxes.from_faults says what each means). `display_folded` and
    `subject_folded` are lower-case, confusables and invisible characters folded to ASCII
    (features.text.fold); `*_words` are their words. `recipients` are the envelope's recipients,
    else the addresses of To, Cc, Delivered-To and X-Original-To, lower-cased, each once.
    `hops` are the Received fields from the top, `references` counts message ids. `return_path`
    is the envelope's sender if that is known, else the topmost Return-Path.
    """

    from_: Mailbox
    from_raw: str
    from_faults: frozenset[str]
    from_count: int
    sender: Mailbox
    reply_to: tuple[Mailbox, ...]
    return_path: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    recipients: tuple[str, ...]
    subject: str
    subject_raw: str
    display_folded: str
    display_words: tuple[str, ...]
    subject_folded: str
    subject_words: tuple[str, ...]
    message_id: str
    message_id_host: str
    date: datetime | None
    hops: Hops
    references: int
    in_reply_to: bool
    list_id: str
    list_unsubscribe: bool
    one_click: bool
    precedence: str
    auto_submitted: bool
    mailer: str


def read_headers(message: Message, envelope: Envelope, context: Context) -> Headers:  # noqa: ARG001 - one signature for all readers
    """Read the header's subjects; what is missing or malformed is empty or a fault."""
    first, raw_first = message.first, message.raw_first
    from_raw = raw_first("from")
    from_count = len(message.fields("from"))
    author = parse_mailbox(from_raw)
    to = _mailboxes(message, "to")
    cc = _mailboxes(message, "cc")
    subject = first("subject")
    message_id = first("message-id").strip()
    display_folded = fold(author.display[:_FOLDED])
    subject_folded = fold(subject[:_FOLDED])
    auto_submitted = first("auto-submitted").lower()
    return Headers(
        from_=author,
        from_raw=from_raw,
        from_faults=from_faults(from_raw, author.host, author.domain, from_count),
        from_count=from_count,
        sender=parse_mailbox(raw_first("sender")),
        reply_to=_mailboxes(message, "reply-to"),
        return_path=_return_path(message, envelope),
        to=to,
        cc=cc,
        recipients=_recipients(message, envelope, to + cc),
        subject=subject,
        subject_raw=raw_first("subject"),
        display_folded=display_folded,
        display_words=words(display_folded, _WORDS),
        subject_folded=subject_folded,
        subject_words=words(subject_folded, _WORDS),
        message_id=message_id,
        message_id_host=message_id.rpartition("@")[2].strip("<> \t").lower(),
        date=parse_date(first("date")),
        hops=Hops(message.fields("received")[:_HOPS]),
        references=first("references").count("<"),
        in_reply_to=bool(first("in-reply-to").strip()),
        list_id=first("list-id"),
        list_unsubscribe=bool(first("list-unsubscribe").strip()),
        one_click="one-click" in first("list-unsubscribe-post").lower(),  # RFC 8058
        precedence=first("precedence").strip().lower(),
        auto_submitted=auto_submitted.startswith(_TRUE_REPLY),  # RFC 3834: "no" is the default
        mailer=first("x-mailer") or first("user-agent"),
    )


def _mailboxes(message: Message, name: str) -> tuple[Mailbox, ...]:
    return parse_mailboxes(message.raw_first(name), _MAILBOXES)


def _return_path(message: Message, envelope: Envelope) -> Mailbox:
    if envelope.mail_from is not None:
        return parse_mailbox(f"<{envelope.mail_from}>")
    return parse_mailbox(message.raw_first("return-path"))


def _recipients(
    message: Message, envelope: Envelope, addressed: tuple[Mailbox, ...]
) -> tuple[str, ...]:
    if envelope.rcpt_to:
        found = [address.lower() for address in envelope.rcpt_to]
    else:
        found = [mailbox.address for mailbox in addressed]
        for name in _RECIPIENT_FIELDS:
            found += [parse_mailbox(value).address for value in message.all(name)[:_HOPS]]
    unique = dict.fromkeys(found)
    unique.pop("", None)
    return tuple(unique)[:_RECIPIENTS]
