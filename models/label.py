"""Labels: what somebody, or something, says a message was (docs/topics/label.md)."""

from datetime import datetime
from typing import Final, Literal

import msgspec

__all__ = ["ABUSE", "SOURCES", "TRUTHS", "Given", "Label", "Place", "Source", "Target", "Truth"]

Truth = Literal["spam", "phish", "malware", "bulk", "ham", "unwanted"]
Source = Literal["analyst", "trap", "report", "rescue", "reply", "bounce"]

TRUTHS: Final[tuple[Truth, ...]] = ("spam", "phish", "malware", "bulk", "ham", "unwanted")
SOURCES: Final[tuple[Source, ...]] = ("analyst", "trap", "report", "rescue", "reply", "bounce")
ABUSE: Final[frozenset[Truth]] = frozenset({"spam", "phish", "malware", "bulk"})
"""Truths that speak of abuse; "unwanted" is one recipient's word, and says nothing for others."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position in the mail log."""

    epoch: str
    partition: int
    offset: int


class Target(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which message a label is of: exactly one of these is given."""

    id: str | None = None
    token: str | None = None
    rfc5322_message_id: str | None = None
    position: Place | None = None
    raw: bytes | None = None  # RFC 5322 bytes, base64 in JSON


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A label as it is published. What it weighs comes from Trust, never from the record.

    `reporter` is the keyed hash of who gave it. `retracts` is the id of the label that this one
    takes back; `truth` is None then, and in no other case.
    """

    schema: int = 1
    id: str
    of: Target
    truth: Truth | None = None
    source: Source
    reporter: str = ""
    tenant: str = "default"
    given_at: datetime
    retracts: str = ""


class Given(msgspec.Struct, frozen=True, array_like=True):
    """A label of one message as the log has it: `offset` in mail.labels, `at` its append time (s).

    `retracts` as in Label. Order and caps go by offset and append time, never by a sender's clock.
    """

    offset: int
    id: str
    truth: Truth | None
    source: Source
    reporter: str
    at: float
    retracts: str = ""
