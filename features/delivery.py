"""Keys that a retry of the same delivery shares: neither queue id nor Message-ID is one."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["TRACE_HEADERS", "delivery_key", "message_key"]

# Added anew on each attempt by the hosts between the sender's queue and us (RFC 5321, 4.4;
# RFC 7208, 9.1; RFC 8601; RFC 8617).
TRACE_HEADERS = frozenset(
    {
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
    }
)
_HEADER_END = re.compile(rb"\n\n|\A\n")


def message_key(raw: bytes) -> bytes:
    """Return SHA-256 over the header less the trace headers, and the body, 32 bytes.

    Line ends don't matter: a milter sees CRLF, a file may hold LF.
    """
    message = raw.replace(b"\r\n", b"\n")
    end = _HEADER_END.search(message)
    at = end.end() if end else len(message)
    digest = hashlib.sha256()
    for line in _kept(message[:at].split(b"\n")):
        digest.update(line + b"\n")
    digest.update(b"\n")
    digest.update(message[at:])
    return digest.digest()


def delivery_key(raw: bytes, mail_from: str | None, rcpt_to: Sequence[str]) -> str:
    """Return the delivery's key in 64 hexadecimal digits: message, sender, sorted recipients.

    Every part leads with its length, so that no two lists of parts give the same bytes.
    """
    digest = hashlib.sha256(message_key(raw))
    digest.update(b"-" if mail_from is None else _netstring(mail_from))
    for recipient in sorted(rcpt_to):
        digest.update(_netstring(recipient))
    return digest.hexdigest()


def _kept(lines: Iterable[bytes]) -> Iterator[bytes]:
    keep = True
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            keep = line.partition(b":")[0].rstrip().lower() not in TRACE_HEADERS
        if keep and line:
            yield line


def _netstring(text: str) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    return b"%d:%s" % (len(data), data)
