"""What kind of mail a message is: a bounce, a report, an invitation, a list's, a forward.

Read from the structure that a standard gives it, not from words. **All of it can be forged:** a
kind says as what a message presents itself, and no more. What else must hold before that counts
for anything is said beside each kind, and checked where it is used (detectors/kinds.py).

- bounce: a report that delivery failed, to the null sender (RFC 3464 in RFC 6522), or the old form
  without a standard, a mailer daemon that returns a header. Proves nothing, until the state of
  senders says that the returned Message-ID is one of ours.
- delay, receipt: the same for what is still tried or was delivered; a disposition notification
  (RFC 8098). Their returned part proves as little.
- abuse_report: RFC 5965, RFC 6591 and the message they are about. Proves nothing of who complains;
  only that it is addressed to a desk for complaints can be checked.
- aggregate_report: DMARC (RFC 7489, 7.2.1.1: the file's name) or TLS (RFC 8460), the same.
- automatic_reply: RFC 3834 and what vacation programs wrote before it. Proves nothing by itself.
- invitation: iTIP (RFC 5546). That organizer and attendee are sender and recipient is known to
  whoever writes to one recipient.
- list: posted through a mailing list (RFC 2369, RFC 2919). That the list's domain is the one that
  sent it can be checked; anybody may run a list.
- forward: passed on, as an enclosed message, quoted below its header, or resent (RFC 5322, 3.6.6).
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, get_args

import msgspec

from features.authentication import Authentication
from features.conversation import is_bounce
from features.domains import split_host
from features.envelope import Envelope
from features.headers import Headers
from features.mailboxes import parse_mailbox
from features.message import Message, Part

__all__ = ["KINDS", "Invitation", "Kind", "MailKind", "posted_through", "read_kind"]

Kind = Literal[
    "bounce",
    "delay",
    "receipt",
    "abuse_report",
    "aggregate_report",
    "automatic_reply",
    "invitation",
    "list",
    "forward",
    "ordinary",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""In the order in which the first that holds names the message."""

_READ = 8_192  # bytes of a machine-readable part
_CALENDAR = 65_536
_QUOTED = 20_000  # characters in which a quoted header is looked for
_QUOTED_WORDS = 2_000
_LONGEST_HOST = 300
_NEAR = 150  # words between two fields of one header
_HOSTS = 10  # Delivered-To fields
_STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_DISPOSITION: Final = frozenset(
    {"message/disposition-notification", "message/global-disposition-notification"}
)
_RETURNED_HEADERS: Final = frozenset({"text/rfc822-headers", "message/global-headers"})
_ENCLOSED: Final = frozenset({"message/rfc822", "message/global"})
_ACTION = re.compile(rb"(?im)^action:[ \t]{0,8}(failed|delayed|delivered|relayed|expanded)")
_AGGREGATE = re.compile(r"[^!\s]{1,255}![^!\s]{1,255}!\d{1,12}!\d{1,12}(?:![^!\s]{1,64})?\.xml")
_METHOD = re.compile(rb"(?im)^METHOD:[ \t]{0,4}([A-Z]{3,14})")
# A property may have many parameters; a folded line is one (RFC 5545, 3.1).
_ATTENDEE = re.compile(rb"(?im)^ATTENDEE\b[^\r\n]{0,500}mailto:([^\s\";,]{3,254})")
_ORGANIZER = re.compile(rb"(?im)^ORGANIZER\b[^\r\n]{0,500}mailto:([^\s\";,]{3,254})")
_METHODS: Final = frozenset(
    {"REQUEST", "REPLY", "ADD", "CANCEL", "REFRESH", "COUNTER", "DECLINECOUNTER"}
)
_DAEMONS: Final = frozenset({"mailer-daemon", "postmaster"})
_FORWARDED: Final = frozenset(
    {"fwd", "fw", "wg", "tr", "rv", "enc", "i", "doorst", "pd", "vs", "vb", "転送", "转发"}
)
_FROM: Final = frozenset(
    {"from", "von", "de", "da", "van", "od", "от", "expéditeur", "mittente", "remitente"}
)
_SUBJECT: Final = frozenset(
    {"subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp", "temat", "тема"}
)


class Invitation(msgspec.Struct, frozen=True, gc=False):
    """What a calendar part says in words: the method (RFC 5546), organizer and attendees.

    Addresses are lower-case. `text` is its summary, description and place, unescaped.
    """

    method: str
    organizer: str
    attendees: frozenset[str]
    text: str


class MailKind(msgspec.Struct, frozen=True, gc=False):
    """A message's kind, and what its structure is made of.

    `also` are all kinds that hold, in the order of KINDS. `enclosed` are the messages enclosed in
    it, those inside them left out. `returned` tells that a report brings a message or its header
    back as a part. `list_domain` is the registrable domain of the list's own address, '' without
    one. `passed_on` says how a forward was made: attached, quoted or resent.
    """

    kind: Kind
    also: tuple[Kind, ...] = ()
    enclosed: tuple[Part, ...] = ()
    returned: bool = False
    invitation: Invitation | None = None
    list_domain: str = ""
    passed_on: Literal["attached", "quoted", "resent", ""] = ""


_ORDINARY: Final = MailKind("ordinary")


def read_kind(message: Message, headers: Headers, envelope: Envelope, text: str) -> MailKind:
    """Return a message's kind; `text` is the visible text, in which a forward quotes a header.

    Never raises, and takes time linear in what it reads of the message, which is bounded.
    """
    parts = [part for part in message.attachments if not part.nested]
    enclosed = tuple([part for part in parts if part.content_type in _ENCLOSED])
    report = message.content_type == "multipart/report"
    returned = report and (
        bool(enclosed)
        or any(p.content_type in _RETURNED_HEADERS for p in (*parts, *message.text_parts))
    )
    invitation = _invitation(parts)
    list_domain = _list_domain(message, headers)
    passed_on = _passed_on(message, headers, text, enclosed, parts)
    found: set[Kind] = set()
    if report:
        found.update(_reported(message, headers, envelope, parts, returned=returned))
    elif _is_old_bounce(message, headers, envelope, enclosed):
        found.add("bounce")
    if parts and any(_is_aggregate(part) for part in parts):
        found.add("aggregate_report")
    if _is_automatic_reply(message, headers):
        found.add("automatic_reply")
    if invitation is not None:
        found.add("invitation")
    if list_domain:
        found.add("list")
    if passed_on:
        found.add("forward")
    if not found:
        return MailKind("ordinary", enclosed=enclosed) if enclosed else _ORDINARY
    also = tuple([kind for kind in KINDS if kind in found])
    return MailKind(also[0], also, enclosed, returned, invitation, list_domain, passed_on)


def _reported(
    message: Message, headers: Headers, envelope: Envelope, parts: list[Part], *, returned: bool
) -> Iterator[Kind]:
    """Yield what a multipart/report is, by its machine-readable part (RFC 6522)."""
    types = {part.content_type for part in parts}
    if "message/feedback-report" in types and returned:
        yield "abuse_report"
    if types & _DISPOSITION:
        yield "receipt"
    if "application/tlsrpt+gzip" in types or "application/tlsrpt+json" in types:
        yield "aggregate_report"
    if is_bounce(message, headers, envelope):
        yield "bounce"
    elif types & _STATUS and _is_null(headers, envelope):
        actions = {
            match[1].lower()
            for part in parts
            if part.content_type in _STATUS
            for match in _ACTION.finditer(part.content[:_READ])
        }
        if b"delayed" in actions:
            yield "delay"
        elif actions - {b"failed"}:
            yield "receipt"


def _is_null(headers: Headers, envelope: Envelope) -> bool:
    if envelope.mail_from is None:
        return not headers.return_path.address
    return envelope.mail_from == ""


def _is_old_bounce(
    message: Message, headers: Headers, envelope: Envelope, enclosed: tuple[Part, ...]
) -> bool:
    """Tell whether a mailer daemon brings a header back in a form of its own (qmail, old Exim)."""
    if headers.from_.local.lower() not in _DAEMONS or not _is_null(headers, envelope):
        return False
    return bool(enclosed) or _quotes(message.text, frozenset({"from"}), _RETURNED_NAMES)


_RETURNED_NAMES: Final = frozenset({"message-id", "received"})


def _is_aggregate(part: Part) -> bool:
    name = part.filename
    return name.count("!") in {3, 4} and _AGGREGATE.match(name) is not None


def _is_automatic_reply(message: Message, headers: Headers) -> bool:
    first = message.raw_first  # not decoded: nearly all mail is asked for these in vain
    return (
        first("auto-submitted")[:40].strip().lower().startswith("auto-replied")
        or headers.precedence == "auto_reply"
        or bool(first("x-autoreply") or first("x-autorespond"))
    )


def _invitation(parts: list[Part]) -> Invitation | None:
    for part in parts:
        if part.content_type != "text/calendar":
            continue
        # Unfolded first: a long line goes on after a break and a blank (RFC 5545, 3.1).
        data = part.content[:_CALENDAR].replace(b"\r\n", b"\n").replace(b"\n ", b"")
        method = _METHOD.search(data)
        word = method[1].decode("ascii").upper() if method else ""
        if word in _METHODS:
            organizer = _ORGANIZER.search(data)
            return Invitation(
                word,
                _address(organizer[1]) if organizer else "",
                frozenset([_address(match[1]) for match in _ATTENDEE.finditer(data)]),
                _said(data),
            )
    return None


_SAID = re.compile(rb"(?im)^(?:SUMMARY|DESCRIPTION|LOCATION)\b[^:\n]{0,200}:([^\n]{1,8000})")
_ESCAPED: Final = (("\\n", "\n"), ("\\N", "\n"), ("\\,", ","), ("\\;", ";"))


def _said(data: bytes) -> str:
    text = b"\n".join(_SAID.findall(data)).decode("utf-8", "replace")
    for escaped, plain in _ESCAPED:
        text = text.replace(escaped, plain)
    return text


def _address(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").lower()


def _list_domain(message: Message, headers: Headers) -> str:
    """Return the domain of the list's posting address, '' for what nobody can post to.

    A List-Id alone (RFC 2919) is in most newsletters too.
    """
    post = message.raw_first("list-post")
    if post:
        address = post.partition("mailto:")[2].partition(">")[0].partition("?")[0]
    else:
        address = message.raw_first("x-mailing-list") or message.raw_first("x-beenthere")
    if not address:
        return ""
    host = parse_mailbox(address.strip()).host
    if not host and headers.list_id:
        host = headers.list_id.rpartition("<")[2].partition(">")[0].strip().lower()
    return split_host(host).registrable


def posted_through(message: Message, headers: Headers, authentication: Authentication) -> str:
    """Return the domain of the mailing list that sent a message, '' for none.

    The list's own domain must be proven, or be that of Return-Path or Sender where our edge didn't
    look. Anybody may still run a list.
    """
    domain = _list_domain(message, headers)
    if not domain:
        return ""
    proven = [*authentication.dkim_domains, authentication.spf_domain]
    if not authentication.source:
        proven += [headers.return_path.host, headers.sender.host]
    return domain if any(split_host(host).registrable == domain for host in proven) else ""


def _passed_on(
    message: Message,
    headers: Headers,
    text: str,
    enclosed: tuple[Part, ...],
    parts: list[Part],
) -> Literal["attached", "quoted", "resent", ""]:
    if enclosed and len(enclosed) == len(parts):
        return "attached"
    if _says_forwarded(headers.subject) and _quotes(text, _FROM, _SUBJECT):
        return "quoted"
    if message.raw_first("resent-from") or message.raw_first("x-forwarded-to"):
        return "resent"
    delivered = message.fields("delivered-to")
    if len(delivered) > 1:
        hosts = {_host(field.raw) for field in delivered[:_HOSTS]}
        if len({split_host(host).registrable for host in hosts} - {""}) > 1:
            return "resent"
    return ""


def _host(address: str) -> str:
    return address[-_LONGEST_HOST:].rpartition("@")[2].strip(" \t\r\n<>").lower()


def _says_forwarded(subject: str) -> bool:
    """Tell whether a subject begins with a forward's mark, whatever the language."""
    prefix, colon, _ = subject[:16].replace("：", ":").partition(":")  # noqa: RUF001 - East Asia's colon
    return bool(colon) and prefix.strip(" [.").lower() in _FORWARDED


def _quotes(text: str, some: frozenset[str], others: frozenset[str]) -> bool:
    """Tell whether field names of both sets, each before a colon, stand near each other.

    The visible text of HTML has no lines to go by.
    """
    name_at = other_at = -_NEAR
    before = ""
    for at, word in enumerate(text[:_QUOTED].split(None, _QUOTED_WORDS)[:_QUOTED_WORDS], _NEAR):
        bare = word.strip("*>|_")
        if bare[-1:] == ":":
            name = (bare[:-1] or before).lower()  # French puts a blank before the colon
            if name in some:
                name_at = at
            elif name in others:
                other_at = at
            if abs(name_at - other_at) < _NEAR and min(name_at, other_at) > 0:
                return True
        before = bare
    return False
