"""Who says what in the header: mailboxes, subject, trace, list and reply marks (RFC 5322)."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from features.context import Context
from features.domains import Domain
from features.envelope import Envelope
from features.message import Message

__all__ = ["Headers", "Hop", "Mailbox", "read_headers"]


class Mailbox(NamedTuple):
    """An address as written: display name decoded, address lower-cased; empty where missing."""

    display: str
    address: str
    local: str
    host: str
    domain: Domain


class Hop(NamedTuple):
    """One Received header (RFC 5321, 4.4): who handed over, to whom, when; empty where unread."""

    helo: str
    ip: str
    ptr: str
    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Headers:
    """The header's subjects. `from_faults` name syntax faults of the *raw* From header.

    Faults: comma, glue, angles, after, nospace, multi, spaced, noaddr, badchar, badtld,
    duplicate. `display_folded` and `subject_folded` are lower-case, confusables and invisible
    characters folded to ASCII (features.text.fold); `*_words` are their words.
    `recipients` are the envelope's recipients, else the addresses of To, Cc, Delivered-To and
    X-Original-To, lower-cased.
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
    hops: tuple[Hop, ...]
    references: int
    in_reply_to: bool
    list_id: str
    list_unsubscribe: bool
    one_click: bool
    precedence: str
    auto_submitted: bool
    mailer: str


def read_headers(message: Message, envelope: Envelope, context: Context) -> Headers:
    """Read the header's subjects; what is missing or malformed is empty and a fault, never raised."""
    raise NotImplementedError
