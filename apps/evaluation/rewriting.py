"""Raw messages with a field or the text of the body changed, all else left as it is."""

import re
from collections.abc import Callable, Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

__all__ = ["add_field", "lengthen_field", "rewrite_body"]

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_POLICY = compat32.clone(max_line_length=0)  # folds nothing anew
_MIME = re.compile(rb"(?im)^(?:content-[a-z-]+|mime-version)[ \t]*:.*(?:\r?\n[ \t].*)*(?:\r?\n)?")

Rewrite = Callable[[str], str]


def add_field(raw: bytes, name: str, lines: Sequence[str]) -> bytes:
    """Return a message with a folded field at the header's end, in place of those of its name."""
    header, body = _split(raw)
    header = re.sub(_field(name), b"", header)
    return _joined(header, f"{name}: {_folded(lines)}\n".encode(), body)


def lengthen_field(raw: bytes, name: str, lines: Sequence[str]) -> bytes:
    """Return a message whose field goes on with more lines; the field is made where it's missing.

    Of a field that comes more than once, the first grows.
    """
    header, body = _split(raw)
    found = re.search(_field(name), header)
    if found is None:
        return add_field(raw, name, lines)
    grown = found[0].rstrip(b"\r\n") + f"\n {_folded(lines)}\n".encode()
    header = header[: found.start()] + grown + header[found.end() :]
    return _joined(header, b"", body)


def rewrite_body(
    raw: bytes, plain: Rewrite | None, html: Rewrite, converted: Rewrite | None = None
) -> bytes:
    """Return a message whose text parts are rewritten, encoded anew as UTF-8 in 8 bits.

    Args:
        raw: the message.
        plain: what becomes of text/plain, None for nothing.
        html: what becomes of text/html.
        converted: where no part is HTML, what makes HTML of the first text/plain part.

    Returns:
        The message; as it was where no part is text. Attachments are left alone.
    """
    message = BytesParser(policy=_POLICY).parsebytes(raw)
    leaves = [part for part in message.walk() if _is_shown(part)]
    has_html = any(part.get_content_type() == "text/html" for part in leaves)
    changed = False
    for part in leaves:
        if part.get_content_type() == "text/html":
            _set(part, html(_text(part)), "text/html")
        elif plain is not None:
            _set(part, plain(_text(part)), "text/plain")
        elif converted is not None and not has_html and not changed:
            _set(part, converted(_text(part)), "text/html")
        else:
            continue
        changed = True
    return _reassembled(raw, message) if changed else raw


def _reassembled(raw: bytes, message: Message) -> bytes:
    """Keep the original header to the byte, but for what speaks of the body's form."""
    header, _ = _split(raw)
    if "MIME-Version" not in message:
        message["MIME-Version"] = "1.0"
    written = message.as_bytes(policy=_POLICY)
    new_header, body = _split(written)
    mime = b"".join(field[0].rstrip(b"\r\n") + b"\n" for field in _MIME.finditer(new_header))
    return _joined(_MIME.sub(b"", header), mime, body)


def _is_shown(part: Message) -> bool:
    return (
        part.get_content_type() in {"text/plain", "text/html"}
        and part.get_content_disposition() != "attachment"
    )


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    try:
        return data.decode(str(part.get_param("charset") or "ascii"))
    except (LookupError, UnicodeDecodeError):
        return data.decode("latin-1")


def _set(part: Message, text: str, content_type: str) -> None:
    for name in ("Content-Transfer-Encoding", "Content-Type", "MIME-Version"):
        del part[name]
    part["Content-Type"] = f'{content_type}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "8bit"
    data = text.encode("utf-8", "replace")
    part.set_payload(data.decode("ascii", "surrogateescape"))


def _field(name: str) -> bytes:
    return rb"(?im)^%s[ \t]*:.*(?:\r?\n[ \t].*)*(?:\r?\n)?" % re.escape(name.encode())


def _folded(lines: Sequence[str]) -> str:
    return "\n ".join(lines)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the header with its last line's end, and the body after the blank line."""
    end = _BLANK_LINE.search(raw)
    if end is None:
        return raw.rstrip(b"\r\n") + b"\n", b""
    return raw[: end.start()] + b"\n", raw[end.end() :]


def _joined(header: bytes, more: bytes, body: bytes) -> bytes:
    return header.rstrip(b"\r\n") + b"\n" + more + b"\n" + body
