"""What the milter says: replies to commands, and an answer as frames an MTA takes as meant."""

import re

from apps.hook.milter.answer import AddHeader, Answer, ChangeHeader, Edit, SmtpReply
from apps.hook.milter.frames import frame
from apps.hook.milter.transaction import Offered

__all__ = ["CONTINUE", "PROGRESS", "SKIP", "encode"]

CONTINUE = frame(b"c")
PROGRESS = frame(b"p")  # starts the MTA's time limit anew
SKIP = frame(b"s")
_ACCEPT = frame(b"a")
_DISCARD = frame(b"d")

_UNSAFE_NAME = re.compile(rb"[^!-9;-~]")  # RFC 5322, 3.6.8
_BEGUN_LINE = re.compile(rb"\n(?![ \t])")  # would begin a header field of its own
_UNSAFE_TEXT = re.compile(rb"[^ -~]+")
_REPLY_BYTES = 510  # RFC 5321, 4.5.3.1.5, less CRLF


def encode(answer: Answer, offered: Offered, *, leading_space: bool) -> bytes:
    """Return all frames of an answer, for one write; edits that weren't offered are left out.

    Values can't begin another header field, nor hold NUL or CR. Raises ValueError for a reply
    that is neither 4xx nor 5xx.
    """
    final = answer.final
    if isinstance(final, SmtpReply):
        return _reply(final)
    if final == "discard":
        return _DISCARD
    space = b" " if leading_space else b""
    return b"".join((*(_edit(edit, offered, space) for edit in answer.edits), _ACCEPT))


def _edit(edit: Edit, offered: Offered, space: bytes) -> bytes:
    if isinstance(edit, AddHeader):
        if not offered.add_headers:
            return b""
        pair = _name(edit.name) + b"\0" + space + _value(edit.value) + b"\0"
        return frame(b"h", pair) if edit.at is None else frame(b"i", _number(edit.at) + pair)
    if isinstance(edit, ChangeHeader):
        if not offered.change_headers:
            return b""
        value = b"" if edit.value is None else space + _value(edit.value)
        return frame(b"m", _number(edit.nth) + _name(edit.name) + b"\0" + value + b"\0")
    return frame(b"q", _text(edit.reason) + b"\0") if offered.quarantine else b""


def _reply(reply: SmtpReply) -> bytes:
    if not 400 <= reply.code <= 599:
        raise ValueError(f"an SMTP reply {reply.code}; allowed: 400 to 599")
    line = _text(f"{reply.code} {reply.enhanced} {reply.text}")[:_REPLY_BYTES]
    return frame(b"y", line.replace(b"%", b"%%") + b"\0")  # MTAs format it, so % is doubled


def _number(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _name(name: str) -> bytes:
    return _UNSAFE_NAME.sub(b"", name.encode("ascii", "ignore"))


def _value(value: str | bytes) -> bytes:
    raw = value.encode("utf-8", "backslashreplace") if isinstance(value, str) else value
    return _BEGUN_LINE.sub(b"\n ", raw.replace(b"\0", b"").replace(b"\r", b"").strip())


def _text(text: str) -> bytes:
    return _UNSAFE_TEXT.sub(b" ", text.encode("utf-8", "backslashreplace"))
