"""Numbers about the header: who writes, to whom, under which subject."""

import math

from features.columns.shares import beyond_ascii, count_kinds, currency_signs, digits, ratio
from features.domains import Domain
from features.headers import Headers
from features.hosts import host_traits, is_freemail
from features.message import Message
from features.schema import Feature

__all__ = ["COLUMNS", "values"]

_FAULTS = (
    "after", "angles", "badchar", "badtld", "comma", "duplicate", "glue", "multi", "noaddr",
    "nospace", "spaced",
)  # fmt: skip
_NO_FAULTS = [0.0] * len(_FAULTS)
_REPLY = ("re:", "aw:", "sv:", "antw:", "rif:")
_FORWARD = ("fw:", "fwd:", "wg:", "tr:")
_HIGH = ("1", "2", "high", "urgent")

COLUMNS = (
    *[Feature(f"from.{fault}", "flag", f"From is malformed: {fault}") for fault in _FAULTS],
    Feature("from.faults", "count", "syntax faults of the raw From"),
    Feature("from.raw8", "flag", "raw 8-bit characters in From or Subject"),
    Feature("from.display_chars", "count", "characters of the display name"),
    Feature("from.display_words", "count", "words of the display name"),
    Feature("from.display_non_ascii", "ratio", "display name's characters beyond ASCII"),
    Feature("from.display_digits", "ratio", "display name's characters that are digits"),
    Feature("from.display_at", "flag", "the display name holds an at sign"),
    Feature("from.local_chars", "count", "characters of the local part"),
    Feature("from.local_digits", "ratio", "local part's characters that are digits"),
    Feature("from.label_chars", "count", "characters of the registrable label"),
    Feature("from.label_digits", "ratio", "registrable label's characters that are digits"),
    Feature("from.label_hyphens", "count", "hyphens in the registrable label"),
    Feature("from.subdomain_labels", "count", "labels below the registrable domain"),
    Feature("from.freemail", "flag", "the address is with a free mail provider", routing=True),
    Feature("from.cheap_tld", "flag", "the domain is under a cheap top-level domain"),
    Feature("from.new_tld", "flag", "the domain is under a newer top-level domain"),
    Feature("from.free_host", "flag", "the domain is a free host's"),
    Feature("reply_to.count", "count", "addresses in Reply-To"),
    Feature("reply_to.differs", "flag", "no Reply-To address has From's domain; missing if none"),
    Feature("reply_to.freemail", "flag", "Reply-To is free mail and From's domain is another"),
    Feature("to.count", "count", "addresses in To"),
    Feature("to.cc", "count", "addresses in Cc"),
    Feature("to.undisclosed", "flag", "no address in To"),
    Feature("to.recipients", "count", "recipients of this delivery", routing=True),
    Feature("subject.chars", "count", "characters of the subject"),
    Feature("subject.words", "count", "words of the subject"),
    Feature("subject.upper", "ratio", "subject's characters that are capitals"),
    Feature("subject.digits", "ratio", "subject's characters that are digits"),
    Feature("subject.non_ascii", "ratio", "subject's characters beyond ASCII"),
    Feature("subject.exclamations", "count", "exclamation marks in the subject"),
    Feature("subject.questions", "count", "question marks in the subject"),
    Feature("subject.currency", "count", "currency signs in the subject"),
    Feature("subject.symbols", "count", "pictographs in the subject"),
    Feature("subject.gap", "flag", "a run of blanks inside the subject"),
    Feature("subject.longest_word", "count", "characters of the subject's longest word"),
    Feature("subject.reply", "flag", "the subject starts as a reply"),
    Feature("subject.forward", "flag", "the subject starts as a forward"),
    Feature("subject.missing", "flag", "no subject"),
    Feature("header.priority", "flag", "marked as urgent"),
    Feature("header.fields", "count", "header fields", routing=True),
    Feature("header.hops", "count", "Received fields", routing=True),
    Feature("header.date_skew", "s, log", "Date against the topmost hop, signed", routing=True),
    Feature("header.message_id_missing", "flag", "no Message-ID", routing=True),
    Feature("header.message_id_differs", "flag", "Message-ID isn't of From's domain", routing=True),
    Feature(
        "header.return_path_differs", "flag", "Return-Path isn't of From's domain", routing=True
    ),
    Feature("header.sender_differs", "flag", "Sender isn't of From's domain", routing=True),
    Feature("header.references", "count", "messages referred to", routing=True),
    Feature("header.in_reply_to", "flag", "In-Reply-To is there", routing=True),
    Feature("header.list_id", "flag", "List-Id is there", routing=True),
    Feature("header.list_unsubscribe", "flag", "List-Unsubscribe is there", routing=True),
    Feature("header.one_click", "flag", "one-click unsubscribe (RFC 8058)", routing=True),
    Feature("header.bulk", "flag", "Precedence says bulk, list or junk", routing=True),
    Feature("header.auto_submitted", "flag", "sent by a machine (RFC 3834)", routing=True),
    Feature("header.mailer", "flag", "names the program it was written with", routing=True),
)


def values(message: Message, headers: Headers) -> list[float]:
    """Return the numbers of COLUMNS, NaN where missing."""
    return [*_from(headers), *_addressed(headers), *_subject(headers), *_route(message, headers)]


def _from(headers: Headers) -> list[float]:
    sender = headers.from_
    faults = headers.from_faults
    display = sender.display
    domain = sender.domain
    traits = host_traits(sender.host) if sender.host else frozenset()
    return [
        *([float(fault in faults) for fault in _FAULTS] if faults else _NO_FAULTS),
        float(len(faults)),
        float(not (headers.from_raw.isascii() and headers.subject_raw.isascii())),
        float(len(display)),
        float(len(headers.display_words)),
        beyond_ascii(display),
        digits(display),
        float("@" in display),
        float(len(sender.local)),
        digits(sender.local),
        float(len(domain.label)),
        digits(domain.label),
        float(domain.label.count("-")),
        float(domain.subdomain.count(".") + bool(domain.subdomain)),
        float(is_freemail(sender.host)),
        float("cheap_tld" in traits),
        float("new_tld" in traits),
        float("free_host" in traits),
    ]


def _addressed(headers: Headers) -> list[float]:
    own = headers.from_.domain.registrable
    replies = headers.reply_to
    elsewhere = [box for box in replies if box.domain.registrable != own]
    return [
        float(len(replies)),
        float(len(elsewhere) == len(replies)) if replies else math.nan,
        float(any(is_freemail(box.host) for box in elsewhere)),
        float(len(headers.to)),
        float(len(headers.cc)),
        float(not headers.to),
        float(len(headers.recipients)),
    ]


def _subject(headers: Headers) -> list[float]:
    subject = headers.subject
    lowered = subject[:8].lower()
    capitals, figures = count_kinds(subject)
    return [
        float(len(subject)),
        float(len(headers.subject_words)),
        ratio(capitals, len(subject)),
        ratio(figures, len(subject)),
        beyond_ascii(subject),
        float(subject.count("!")),
        float(subject.count("?")),
        float(currency_signs(subject)),
        0.0 if subject.isascii() else float(sum(char >= "\u2600" for char in subject)),
        float("   " in subject.strip()),
        float(max(map(len, headers.subject_words), default=0)),
        float(lowered.startswith(_REPLY)),
        float(lowered.startswith(_FORWARD)),
        float(not subject.strip()),
    ]


def _route(message: Message, headers: Headers) -> list[float]:
    priority = (message.first("x-priority") or message.first("importance")).strip().lower()
    own = headers.from_.domain
    return [
        float(priority.startswith(_HIGH)),
        float(len(message.headers)),
        float(len(headers.hops)),
        _skew(headers),
        float(not headers.message_id),
        float(not headers.message_id_host.endswith(own.registrable))
        if headers.message_id and own.registrable
        else math.nan,
        _differs(headers.return_path.domain, own),
        _differs(headers.sender.domain, own),
        float(headers.references),
        float(headers.in_reply_to),
        float(bool(headers.list_id)),
        float(headers.list_unsubscribe),
        float(headers.one_click),
        float(headers.precedence in ("bulk", "list", "junk")),
        float(headers.auto_submitted),
        float(bool(headers.mailer)),
    ]


def _differs(one: Domain, other: Domain) -> float:
    if not one.registrable or not other.registrable:
        return math.nan
    return float(one.registrable != other.registrable)


def _skew(headers: Headers) -> float:
    received = headers.hops[0].at if headers.hops else None
    if received is None or headers.date is None:
        return math.nan
    seconds = (headers.date - received).total_seconds()
    return math.copysign(math.log1p(abs(seconds)), seconds)
