"""The message that a report brings back, in whole or by its headers alone."""

import re
from collections.abc import Iterator
from typing import Final

from apps.labels.report import Returned
from features.header_block import read_header
from features.message import Message, Part
from streams.tokens import HEADER

__all__ = ["enclosed", "has_header", "read_returned", "returned"]

_WHOLE: Final = frozenset({"message/rfc822", "message/global"})
_HEADERS: Final = frozenset({"text/rfc822-headers", "message/global-headers", "text/rfc822"})
_FIELDS: Final = 1_000
_HEADER_BYTES: Final = 262_144
_TOKENS: Final = 8  # a message that passed other installations has theirs below ours
_MESSAGE_ID: Final = re.compile(r"<([^<>\s\x00-\x1f\x7f]{1,998})>")


def enclosed(message: Message) -> Iterator[Part]:
    """Yield the messages attached to a message itself, those saved as .eml files among them."""
    for part in message.attachments:
        if not part.nested and (
            part.content_type in _WHOLE or part.filename.lower().endswith(".eml")
        ):
            yield part


def returned(message: Message) -> Iterator[Returned]:
    """Yield what a report brings back: enclosed messages, or a part with headers alone."""
    for part in message.attachments:
        if not part.nested and part.content_type in _WHOLE | _HEADERS:
            yield read_returned(part.content, whole=part.content_type in _WHOLE)


def has_header(raw: bytes) -> bool:
    """Tell whether bytes begin with a header field, as every message does."""
    return bool(read_header(raw, _FIELDS, _HEADER_BYTES)[1].fields)


def read_returned(raw: bytes, *, whole: bool) -> Returned:
    """Read what leads to a message from its header; never raises."""
    _, block, _ = read_header(raw, _FIELDS, _HEADER_BYTES)
    wanted = HEADER.lower()
    tokens = [value for name, value in block.fields if name == wanted]
    ids = (
        found[1]
        for name, value in block.fields
        if name == "message-id" and (found := _MESSAGE_ID.search(value))
    )
    return Returned(
        tuple("".join(value.split()) for value in tokens[:_TOKENS]),
        next(ids, ""),
        raw if whole and len(raw) > block.section.body else None,
    )
