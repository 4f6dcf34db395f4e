"""What goes in and out of the API as JSON; the OpenAPI document is made of these types."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from apps.hook.outcome import Outcome
from apps.hook.submission import TENANT
from apps.hook.tenants import DEFAULT
from detectors.actions import Action
from detectors.verdict import LogPlace, Verdict
from features.envelope import Truncated
from models.label import Truth

__all__ = [
    "CheckClient",
    "CheckReply",
    "CheckRequest",
    "HeaderField",
    "LabelReply",
    "LabelRequest",
    "LabelStage",
    "LabelState",
    "MessageReply",
    "SmtpReply",
    "check_reply",
]

_BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_Bytes = Annotated[bytes, Meta(min_length=1, extra_json_schema={"pattern": _BASE64})]
_Text = Annotated[str, Meta(max_length=1_000)]
_Address = Annotated[
    str,
    Meta(max_length=64, extra_json_schema={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z")]


class CheckClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMTP client: its address, what it called itself, the name of its address."""

    ip: _Address | None = None
    helo: _Text | None = None
    ptr: _Text | None = None


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to judge, with its SMTP envelope; `message` is RFC 5322 bytes in base64."""

    message: _Bytes
    client: CheckClient = CheckClient()
    mail_from: _Text | None = None
    rcpt_to: Annotated[tuple[_Text, ...], Meta(max_length=10_000)] = ()
    user: _Text | None = None
    queue_id: _Text | None = None
    tls: _Text | None = None


class SmtpReply(msgspec.Struct, frozen=True):
    """The reply that the SMTP client is to get."""

    code: int
    enhanced: str
    text: str


class HeaderField(msgspec.Struct, frozen=True):
    """A header field to add, folded by LF and a space."""

    name: str
    value: str


class CheckReply(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a message: `remove` first, then `add`, on the verdicts given.

    `id` is the message's with us, '' where a defect of ours left it without a verdict. `score` is
    the probability of abuse. `subject` is put before the subject; `hold` is a quarantine's reason.
    """

    id: str
    action: Action
    score: float | None
    reply: SmtpReply | None
    remove: tuple[str, ...]
    authserv_ids: tuple[str, ...]
    add: tuple[HeaderField, ...]
    subject: str
    hold: str
    verdicts: tuple[Verdict, ...]


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says a message was; exactly one of the first four names it.

    `message` is the message itself in base64. `truth` is missing only where `retract` takes back
    what the same reporter said. `reporter` is an address or a name, kept as a keyed hash.
    """

    id: _Id | UnsetType = UNSET
    token: _Text | UnsetType = UNSET
    message_id: _Text | UnsetType = UNSET
    message: _Bytes | UnsetType = UNSET
    truth: Truth | None = None
    source: Literal["analyst", "trap", "report", "rescue"] | None = None
    reporter: _Text = ""
    tenant: Annotated[str, Meta(pattern=rf"^{TENANT.pattern}\Z")] = DEFAULT
    retract: bool = False


class LabelReply(msgspec.Struct, frozen=True):
    """A label that was taken: its id, its message's ('' for a bare one), what to know of it."""

    label: str
    message: str
    note: str


class LabelStage(msgspec.Struct, frozen=True):
    """A stage that a label has passed, and when (epoch seconds)."""

    stage: str
    at: float
    detail: str


class LabelState(msgspec.Struct, frozen=True):
    """A label of a message: how far it came, and whether it stands."""

    label: str
    truth: Truth | None
    source: str
    stands: bool
    path: tuple[LabelStage, ...]


class MessageReply(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a message; `bytes` and `received_at` while it lies in the mail log."""

    id: str
    place: LogPlace | None
    received_at: datetime | None
    bytes: int | None
    truncated: Truncated | None
    verdict: Verdict | None
    labels: tuple[LabelState, ...]


def check_reply(outcome: Outcome) -> CheckReply:
    """Return an outcome as the API says it."""
    first = next(iter(outcome.verdicts), None)
    return CheckReply(
        id=first.id if first else "",
        action=outcome.action,
        score=first.score if first else None,
        reply=SmtpReply(*outcome.reply) if outcome.reply else None,
        remove=outcome.remove,
        authserv_ids=outcome.authserv_ids,
        add=tuple(HeaderField(*field) for field in outcome.add),
        subject=outcome.subject,
        hold=outcome.hold,
        verdicts=outcome.verdicts,
    )
