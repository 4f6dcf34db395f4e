"""The SMTP envelope (RFC 5321) that a message came in, as its publisher recorded it."""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

__all__ = ["Client", "Direction", "Envelope", "Fact", "Incoming", "LogPosition", "Truncated"]

Direction = Literal["inbound", "outbound"]


class LogPosition(NamedTuple):
    """Where a record lies in the mail log; the epoch tells a recreated topic from the old one."""

    epoch: str
    partition: int
    offset: int


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the edge looked up about a message, recorded so that replay needs no network."""

    value: str | int | float | bool | None
    source: str = ""
    at: datetime | None = None


class Client(msgspec.Struct, frozen=True, omit_defaults=True):
    """The SMTP client that handed the message to us."""

    ip: str | None = None
    helo: str | None = None
    ptr: str | None = None


class Truncated(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a publisher cut from a message over the size limit; `size` in bytes before the cut."""

    size: int
    sha256: str = ""
    attachments: tuple[str, ...] = ()


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One delivery attempt's envelope (docs/topics/envelope.md).

    Addresses are as given in MAIL FROM and RCPT TO, without angle brackets; the null sender is
    the empty string, an unknown sender is None. Bytes that aren't UTF-8 are backslash escapes.
    """

    id: str
    received_at: datetime
    direction: Direction = "inbound"
    tenant: str = "default"
    client: Client = Client()
    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()
    user: str | None = None
    queue_id: str | None = None
    tls: str | None = None
    truncated: Truncated | None = None
    facts: dict[str, Fact] = {}


class Incoming(NamedTuple):
    """One message to judge: raw RFC 5322 bytes with their envelope.

    `flags` name what was odd about the envelope (`clock_skew`, `envelope_malformed`, ...);
    `position` is None where the message never reached the log. `delivery_key` is
    features.delivery.delivery_key of the message, where the caller has worked it out already.
    """

    envelope: Envelope
    raw: bytes
    position: LogPosition | None = None
    flags: tuple[str, ...] = ()
    delivery_key: str = ""
