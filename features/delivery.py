"""Keys that a retry of the same delivery shares: neither queue id nor Message-ID is one."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["TRACE_HEADERS", "DeliveryKeys", "delivery_key", "delivery_keys", "message_key"]

# Added anew on each attempt by the hosts between the sender's queue and us (RFC 5321, 4.4;
# RFC 7208, 9.1; RFC 8601; RFC 8617).
TRACE_HEADERS = (
    b"received",
    b"return-path",
    b"delivered-to",
    b"x-original-to",
    b"x-received",
    b"received-spf",
    b"authentication-results",
    b"arc-seal",
    b"arc-message-signature",
    b"arc-authentication-results",
)
_FOLD = frozenset({b" ", b"\t"})
# A line end leads, which a search jumps to; `^` would be tried at each byte. Most names fail at
# their first letter.
_FIRST = bytes({name[0] for name in TRACE_HEADERS} | {name[0] - 32 for name in TRACE_HEADERS})
_TRACE = re.compile(rb"\n(?=[%s])(?:%s)[ \t]*:" % (_FIRST, b"|".join(TRACE_HEADERS)), re.IGNORECASE)


class DeliveryKeys(NamedTuple):
    """Keys in 64 hexadecimal digits each: of the delivery, and of the message without its envelope.

    Copies of one message for other recipients differ in the first and share the second.
    """

    delivery: str
    message: str


def message_key(raw: bytes) -> bytes:
    """Return SHA-256 over the header less the trace headers, and the body, 32 bytes.

    Line ends don't matter: a milter sees CRLF, a file may hold LF.
    """
    # One octet is found ten times as fast as two.
    message = raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw
    # The body begins after the first empty line; without one, all is header.
    body = 0 if message[:1] == b"\n" else message.find(b"\n\n") + 1
    header = message[:body] if body or message[:1] == b"\n" else message
    digest = hashlib.sha256(_without_trace(header))
    digest.update(b"\n")
    digest.update(message[len(header) :])
    return digest.digest()


def delivery_key(raw: bytes, mail_from: str | None, rcpt_to: Sequence[str]) -> str:
    """Return the delivery's key in 64 hexadecimal digits: message, sender, sorted recipients.

    Every part leads with its length, so that no two lists of parts give the same bytes.
    """
    return delivery_keys(raw, mail_from, rcpt_to).delivery


def delivery_keys(raw: bytes, mail_from: str | None, rcpt_to: Sequence[str]) -> DeliveryKeys:
    """Return the keys of a delivery and of its message, which is read once for both."""
    message = message_key(raw)
    digest = hashlib.sha256(message)
    digest.update(b"-" if mail_from is None else _netstring(mail_from))
    for recipient in sorted(rcpt_to):
        digest.update(_netstring(recipient))
    return DeliveryKeys(digest.hexdigest(), message.hex())


def _without_trace(header: bytes) -> bytes:
    """Return the header without its trace fields and their folded lines."""
    lines = b"\n" + header
    kept = []
    at = 0
    for field in _TRACE.finditer(lines):
        kept.append(lines[at : field.start()])
        at = lines.find(b"\n", field.end())
        while lines[at + 1 : at + 2] in _FOLD and at >= 0:
            at = lines.find(b"\n", at + 1)
        if at < 0:  # the field is the last line, without a line end
            return b"".join(kept)[1:]
    kept.append(lines[at:])
    return b"".join(kept)[1:]


def _netstring(text: str) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    return b"%d:%s" % (len(data), data)
