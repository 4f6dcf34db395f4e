"""The MIME tree walked once, within bounds, to its leaves (RFC 2045, 2046)."""

from collections.abc import Sequence

import msgspec

from features.context import Limits
from features.header_block import find_section, split_fields
from features.mime_fields import MimeFields, decode_transfer, read_mime_fields

__all__ = ["Leaves", "Part", "walk"]

_PART_FIELDS = 100
_PART_HEADER_BYTES = 65_536
_BODY_TYPES = frozenset({"text/plain", "text/html"})
_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global"})


class Part(msgspec.Struct, frozen=True, gc=False):
    """A leaf of the MIME tree, transfer-decoded. `content_type` as declared, lower-case."""

    content_type: str
    charset: str
    filename: str
    disposition: str
    transfer_encoding: str
    content: bytes
    depth: int
    nested: bool  # inside a message/rfc822 part


class Leaves(msgspec.Struct):
    """What a walk found: leaves in reading order, entities counted, what was odd."""

    texts: list[Part] = []
    attachments: list[Part] = []
    parts: int = 0
    depth: int = 0
    nested_messages: int = 0
    flags: set[str] = msgspec.field(default_factory=set)


def walk(
    raw: bytes, start: int, fields: Sequence[tuple[str, str]], limits: Limits
) -> tuple[Leaves, MimeFields]:
    """Walk the tree of a message whose body starts at raw[start] under header `fields`.

    Never raises. Time is linear in len(raw) * limits.depth. A multipart that can't be split (no
    boundary, none that occurs, too deep) is read as plain text, so that nothing hides in it.
    """
    leaves = Leaves()
    root = read_mime_fields(fields, "text/plain")
    _Walk(limits, leaves).entity(raw, start, len(raw), root, 0, nested=False)
    return leaves, root


class _Walk:
    __slots__ = ("leaves", "limits")

    def __init__(self, limits: Limits, leaves: Leaves) -> None:
        self.limits = limits
        self.leaves = leaves

    def entity(
        self, raw: bytes, start: int, end: int, mime: MimeFields, depth: int, *, nested: bool
    ) -> None:
        """Read the entity whose body is raw[start:end]."""
        leaves = self.leaves
        leaves.parts += 1
        leaves.depth = max(leaves.depth, depth)
        if mime.repeated:
            leaves.flags.add("content_type_repeated")
        if mime.content_type.startswith("multipart/"):
            self._multipart(raw, start, end, mime, depth, nested=nested)
        elif mime.content_type in _MESSAGE_TYPES:
            self._message(raw, start, end, mime, depth, nested=nested)
        else:
            self._leaf(raw[start:end], mime, mime.content_type, depth, nested=nested)

    def _multipart(
        self, raw: bytes, start: int, end: int, mime: MimeFields, depth: int, *, nested: bool
    ) -> None:
        flags = self.leaves.flags
        if depth >= self.limits.depth:
            flags.add("depth_over_limit")
            self._unsplit(raw[start:end], mime, depth, nested=nested)
            return
        spans, closed = _spans(raw, start, end, mime.boundary, self.limits.parts)
        if not spans:
            flags.add("boundary_missing")
            self._unsplit(raw[start:end], mime, depth, nested=nested)
            return
        if not closed:
            flags.add("boundary_unterminated")
        digest = mime.content_type == "multipart/digest"
        default_type = "message/rfc822" if digest else "text/plain"
        for first, last in spans:
            if self.leaves.parts >= self.limits.parts:
                flags.add("parts_over_limit")
                return
            self._child(raw, first, last, default_type, depth + 1, nested=nested)

    def _unsplit(self, data: bytes, mime: MimeFields, depth: int, *, nested: bool) -> None:
        """Read a multipart that can't be split as text; it has no encoding (RFC 2045, 6.4)."""
        shown = msgspec.structs.replace(mime, transfer_encoding="", disposition="", filename="")
        self._leaf(data, shown, "text/plain", depth, nested=nested)

    def _child(
        self, raw: bytes, start: int, end: int, default_type: str, depth: int, *, nested: bool
    ) -> None:
        block = split_fields(raw, find_section(raw, start, end), _PART_FIELDS, _PART_HEADER_BYTES)
        mime = read_mime_fields(block.fields, default_type)
        self.entity(raw, block.section.body, end, mime, depth, nested=nested)

    def _message(
        self, raw: bytes, start: int, end: int, mime: MimeFields, depth: int, *, nested: bool
    ) -> None:
        """The enclosed message is an attachment by itself, and its leaves are leaves."""
        leaves = self.leaves
        content = self._leaf(raw[start:end], mime, mime.content_type, depth, nested=nested)
        leaves.nested_messages += 1
        if depth >= self.limits.depth or leaves.parts >= self.limits.parts:
            leaves.flags.add("depth_over_limit")
            return
        self._child(content, 0, len(content), "text/plain", depth + 1, nested=True)

    def _leaf(
        self, data: bytes, mime: MimeFields, content_type: str, depth: int, *, nested: bool
    ) -> bytes:
        content, flag = decode_transfer(data, mime.transfer_encoding)
        if flag:
            self.leaves.flags.add(flag)
        part = Part(
            content_type=content_type,
            charset=mime.charset,
            filename=mime.filename,
            disposition=mime.disposition,
            transfer_encoding=mime.transfer_encoding,
            content=content,
            depth=depth,
            nested=nested,
        )
        (self.leaves.texts if _is_body(part) else self.leaves.attachments).append(part)
        return content


def _is_body(part: Part) -> bool:
    """Whether a mail reader shows the part in place instead of offering it as a file."""
    if part.content_type not in _BODY_TYPES or part.disposition == "attachment":
        return False
    return not (part.filename and part.content_type == "text/html" and part.disposition != "inline")


def _spans(
    raw: bytes, start: int, end: int, boundary: str, limit: int
) -> tuple[list[tuple[int, int]], bool]:
    """Return the [first, last) of each part between delimiter lines, and whether the last closed.

    Looks no further than one part beyond `limit`.

    The line break before a delimiter belongs to it (RFC 2046, 5.1.1). White space may follow it.
    """
    spans: list[tuple[int, int]] = []
    if not boundary:
        return spans, False
    delimiter = b"--" + boundary.rstrip().encode("utf-8", "surrogateescape")
    first = -1
    at = raw.find(delimiter, start, end)
    while at >= 0 and len(spans) <= limit:
        after = at + len(delimiter)
        line_end = raw.find(b"\n", after, end) if _starts_line(raw, at, start) else -2
        if line_end != -2:
            tail = raw[after : line_end if line_end >= 0 else end].strip()
            closing = tail.startswith(b"--")
            if closing or not tail:
                if first >= 0:
                    spans.append((first, max(first, _before_break(raw, at))))
                if closing:
                    return spans, True
                if line_end < 0:
                    return spans, False
                first = line_end + 1
                after = line_end
        at = raw.find(delimiter, after, end)
    if len(spans) > limit:
        return spans, True
    if first >= 0:
        spans.append((first, end))
    return spans, False


def _starts_line(raw: bytes, at: int, start: int) -> bool:
    return at == start or raw[at - 1] == 0x0A


def _before_break(raw: bytes, at: int) -> int:
    last = at - 1
    return last - 1 if last > 0 and raw[last - 1] == 0x0D else last
