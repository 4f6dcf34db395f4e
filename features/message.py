"""A message read once: headers, text, HTML and attachments of its MIME tree (RFC 5322, 2045)."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from features.charsets import decode
from features.context import Limits
from features.header_block import Header, read_header
from features.mime import Part, walk

__all__ = ["FLAGS", "Header", "Message", "Part", "parse", "without_enclosed"]

_RETURNED_HEADERS: Final = frozenset({"text/rfc822-headers", "message/global-headers"})
_ENCLOSED: Final = frozenset({"message/rfc822", "message/global"})

FLAGS: Final = MappingProxyType(
    {
        "bare_cr": "the header section has carriage returns that end no line",
        "base64_malformed": "a base64 body has foreign characters or padding in the wrong place",
        "boundary_missing": "a multipart can't be split: no boundary, or none that occurs",
        "boundary_unterminated": "a multipart has no closing delimiter",
        "charset_missing": "8-bit text without a charset",
        "charset_refused": "a charset that no mail reader may follow (utf-7)",
        "charset_unknown": "8-bit text in a charset that does not exist",
        "charset_wrong": "text whose bytes aren't what its charset says",
        "content_type_repeated": "an entity has more than one Content-Type",
        "depth_over_limit": "entities nest deeper than is read",
        "empty": "no bytes, or white space only",
        "header_broken": "a line that is no field ends the header section",
        "headers_missing": "no header field at all",
        "headers_over_limit": "more header fields or bytes than are read",
        "nul": "a NUL byte in the header section or in a text",
        "parts_over_limit": "more entities than are read",
        "text_over_limit": "more text or HTML than is read",
        "transfer_encoding_unknown": "a content transfer encoding that does not exist",
        "truncated": "more bytes than are read",
        "uuencode_malformed": "a uuencoded body that can't be read in full",
    }
)


class Message(msgspec.Struct, frozen=True, gc=False):
    """A parsed message. `flags` name what was odd, sorted; FLAGS says what each means.

    `size` is in bytes, before any cut. `text` and `html` join the body parts that a mail reader
    would show (attachments left out, those of nested messages included), decoded, without
    surrogates. `attachments` are the other leaves, and enclosed messages as a whole.
    `text_parts` are the leaves that `text` and `html` were made of. `parts` counts the MIME
    entities, containers included; `depth` is that of the deepest, the root's being 0.
    """

    size: int
    headers: tuple[Header, ...]
    content_type: str
    text: str
    html: str
    text_parts: tuple[Part, ...]
    attachments: tuple[Part, ...]
    parts: int
    depth: int
    nested_messages: int
    multipart: bool
    flags: tuple[str, ...]
    _by_name: dict[str, list[Header]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the headers by name; a field is asked for far more often than it is written."""
        by_name = self._by_name
        by_name.clear()  # a copy is made with a copy of it
        for header in self.headers:
            name = header.name
            if name in by_name:
                by_name[name].append(header)
            else:
                by_name[name] = [header]

    def first(self, name: str) -> str:
        """Return the decoded value of the first header of that (lower-case) name, else ''."""
        found = self._by_name.get(name)
        return found[0].value if found else ""

    def raw_first(self, name: str) -> str:
        """Return the raw value of the first header of that (lower-case) name, else ''."""
        found = self._by_name.get(name)
        return found[0].raw if found else ""

    def fields(self, name: str) -> Sequence[Header]:
        """Return all headers of that (lower-case) name."""
        return self._by_name.get(name, ())

    def all(self, name: str) -> list[str]:
        """Return the decoded values of all headers of that (lower-case) name."""
        return [header.value for header in self._by_name.get(name, ())]


def parse(raw: bytes, limits: Limits) -> Message:
    """Parse raw bytes into a Message; never raises, whatever the bytes are.

    What can't be read as declared is read as a mail reader would, and flagged (FLAGS).
    """
    size = len(raw)
    flags: set[str] = set()
    if size > limits.message_bytes:
        raw = raw[: limits.message_bytes]
        flags.add("truncated")
    if not raw or raw.isspace():
        flags.add("empty")
    raw, block, odd = read_header(raw, limits.headers, limits.header_bytes)
    leaves, root = walk(raw, block.section.body, block.fields, limits)
    flags |= odd | leaves.flags
    return Message(
        size=size,
        headers=tuple([Header(name, raw) for name, raw in block.fields]),
        content_type=root.content_type,
        text=_join(leaves.texts, "text/plain", limits.text_bytes, flags),
        html=_join(leaves.texts, "text/html", limits.text_bytes, flags),
        text_parts=tuple(leaves.texts),
        attachments=tuple(leaves.attachments),
        parts=leaves.parts,
        depth=leaves.depth,
        nested_messages=leaves.nested_messages,
        multipart=root.content_type.startswith("multipart/"),
        flags=tuple(sorted(flags)),
    )


def without_enclosed(message: Message, limits: Limits) -> Message:
    """Return a message without the messages enclosed in it, and without headers it returns."""
    apart = _RETURNED_HEADERS | _ENCLOSED
    texts = [part for part in message.text_parts if not part.nested]
    flags = set(message.flags)
    return msgspec.structs.replace(
        message,
        text=_join(texts, "text/plain", limits.text_bytes, flags),
        html=_join(texts, "text/html", limits.text_bytes, flags),
        text_parts=tuple(texts),
        attachments=tuple(
            [p for p in message.attachments if not p.nested and p.content_type not in apart]
        ),
        nested_messages=0,
        flags=tuple(sorted(flags)),
    )


def _join(parts: list[Part], content_type: str, limit: int, flags: set[str]) -> str:
    """Decode and join the texts of one type; `limit` bounds the bytes that are decoded."""
    texts: list[str] = []
    left = limit
    for part in parts:
        if part.content_type != content_type:
            continue
        data = part.content
        if len(data) > left:
            flags.add("text_over_limit")
            data = data[:left]
        left -= len(data)
        text, flag = decode(data, part.charset)
        if flag:
            flags.add(flag)
        if "\0" in text:
            flags.add("nul")
        texts.append(text)
    return texts[0] if len(texts) == 1 else "\n".join(texts)
