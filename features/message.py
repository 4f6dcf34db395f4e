"""A message read once: headers, text, HTML and attachments of its MIME tree (RFC 5322, 2045)."""

from dataclasses import dataclass
from typing import NamedTuple

from features.context import Limits

__all__ = ["Header", "Message", "Part", "parse"]


class Header(NamedTuple):
    """One header field: lower-cased name, raw value as it came, value unfolded and decoded.

    `raw` keeps folding and undecoded RFC 2047 words; 8-bit bytes that aren't UTF-8 are
    surrogate escapes. `value` is text without surrogates.
    """

    name: str
    raw: str
    value: str


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the MIME tree, transfer-decoded. `content_type` as declared, lower-case."""

    content_type: str
    charset: str
    filename: str
    disposition: str
    transfer_encoding: str
    content: bytes
    depth: int
    nested: bool  # inside a message/rfc822 part


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message. `flags` name what was odd (`headers_over_limit`, `parser_fallback`, ...).

    `text` and `html` join the body parts that a mail reader would show (attachments left out,
    those of nested messages included), decoded, without surrogates. `attachments` are the other
    leaves. `text_parts` are the leaves that `text` and `html` were made of.
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

    def first(self, name: str) -> str:
        """Return the decoded value of the first header of that (lower-case) name, else ''."""
        raise NotImplementedError

    def raw_first(self, name: str) -> str:
        """Return the raw value of the first header of that (lower-case) name, else ''."""
        raise NotImplementedError

    def all(self, name: str) -> list[str]:
        """Return the decoded values of all headers of that (lower-case) name."""
        raise NotImplementedError


def parse(raw: bytes, limits: Limits) -> Message:
    """Parse raw bytes into a Message; never raises, whatever the bytes are."""
    raise NotImplementedError
