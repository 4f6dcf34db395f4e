"""Hashed byte 4-grams of a message by segment: the input of the online text model.

A message is a header part and a few segments (windows of visible text, HTML source, link targets).
A model that scores each segment with the header part, and takes a soft maximum, isn't fooled by
honest text that pads a lure. Features are binary: each slot once in the header part and once in
each segment. The hash is Knuth's multiplicative one (The Art of Computer Programming 3, 6.4) with
a secret odd multiplier for each deployment, so that nobody can craft collisions.
"""

import re
import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.client import is_inside, parse_ip
from features.content import Content
from features.context import Context
from features.headers import Headers
from features.links import Links
from features.message import Message

__all__ = ["SLOTS", "Tokens", "segments"]

Slots = NDArray[np.int32]

SLOTS: Final = 1 << 20
_SHIFT: Final = np.uint32(12)
_GRAM = 4
_KEPT: Final = (
    "from", "to", "cc", "subject", "reply-to", "date", "message-id", "mime-version",
    "content-type", "content-transfer-encoding", "x-mailer", "user-agent", "in-reply-to",
    "references", "x-priority", "importance", "sender", "list-id", "list-unsubscribe",
    "precedence", "organization", "x-mimeole",
)  # fmt: skip
_THREAD_FIELDS: Final = frozenset({"references", "in-reply-to"})  # long ones are cheap padding
_FIELD_BYTES = 100
_THREAD_BYTES = 40
_HEADER_BYTES = 1_200
_TRACE_BYTES = 800
_WINDOW = 700
_WINDOWS = 12  # from the front, and as many from the end
_SOURCE_BYTES = 1_000
_SOURCE_READ = 65_536
_TARGET_BYTES = 800
_HEADER_SPACE: Final = np.uint32(0x5BD1E995)
_TRACE_SPACE: Final = np.uint32(0x1B873593)
_TEXT_SPACE: Final = np.uint32(0)
_TEXT_RUN = re.compile(rb">[^<]{41,}")
_TRACE_NOISE = re.compile(r"\bid\s+\S+|;.*", re.DOTALL)  # differs on every delivery


@dataclass(frozen=True, slots=True)
class Tokens:
    """Slots in [0, SLOTS), int32, each once: of the header part, and of every segment."""

    header: Slots
    segments: tuple[Slots, ...]


class _Scratch(threading.local):
    """One position a slot, so that duplicates fall out without sorting."""

    def __init__(self) -> None:
        self.position = np.zeros(SLOTS, np.int32)


_SCRATCH = _Scratch()


def segments(
    message: Message, headers: Headers, content: Content, links: Links, context: Context
) -> Tokens:
    """Hash a message's segments under the deployment's salt; at most 27 segments."""
    multiplier = np.uint32((context.token_salt | 1) & 0xFFFF_FFFF)
    trace = _hash(_own_trace(message, headers, context), multiplier, _TRACE_SPACE)
    header = _hash(_header_bytes(message), multiplier, _HEADER_SPACE)
    texts = [*_windows(message.text)]
    if content.is_html:
        texts += _windows(content.text)
    if len(texts) > 2 * _WINDOWS:
        texts = texts[:_WINDOWS] + texts[-_WINDOWS:]
    if message.html:
        texts.append(_source(message.html))
    if links.all:
        targets = "\n".join([link.url for link in links.all[:100]])
        texts.append(targets.encode("utf-8", "replace")[:_TARGET_BYTES])
    return Tokens(
        header=_unique(np.concatenate((header, trace))),
        segments=tuple([_unique(_hash(text, multiplier, _TEXT_SPACE)) for text in texts]),
    )


def _header_bytes(message: Message) -> bytes:
    lines = []
    for name in _KEPT:
        bound = _THREAD_BYTES if name in _THREAD_FIELDS else _FIELD_BYTES
        lines += [
            f"{name}:{raw}".encode("utf-8", "surrogateescape")[:bound]
            for raw in [header.raw for header in message.headers if header.name == name][:3]
        ]
    return b"\n".join(lines)[:_HEADER_BYTES]


def _own_trace(message: Message, headers: Headers, context: Context) -> bytes:
    """Return our own servers' Received lines down to the first hop from outside.

    They are the one part of a header that a sender can't write.
    """
    lines = []
    for value, hop in zip(message.all("received"), headers.hops, strict=False):
        lines.append(_TRACE_NOISE.sub("", value))
        address = parse_ip(hop.ip)
        if address is None or not is_inside(address, context.trusted_relays):
            break
    return "\n".join(lines).encode("utf-8", "replace")[:_TRACE_BYTES]


def _windows(text: str) -> list[bytes]:
    data = text.encode("utf-8", "replace")
    starts = range(0, len(data), _WINDOW)
    if len(starts) > 2 * _WINDOWS:
        starts = [*starts[:_WINDOWS], *starts[-_WINDOWS:]]  # type: ignore[assignment]  # a list iterates alike
    return [data[start : start + _WINDOW + _GRAM - 1] for start in starts]


def _source(html: str) -> bytes:
    markup = _TEXT_RUN.sub(b">", html[:_SOURCE_READ].encode("utf-8", "replace"))
    return markup[:_SOURCE_BYTES]


def _hash(data: bytes, multiplier: np.uint32, space: np.uint32) -> Slots:
    if len(data) < _GRAM:
        return np.zeros(0, np.int32)
    octets = np.frombuffer(data, np.uint8).astype(np.uint32)
    grams = octets[:-3] | octets[1:-2] << 8 | octets[2:-1] << 16 | octets[3:] << 24
    return (((grams ^ space) * multiplier) >> _SHIFT).astype(np.int32)


def _unique(slots: Slots) -> Slots:
    """Drop duplicates: the last write to a slot's position wins, all others are copies."""
    order = np.arange(len(slots), dtype=np.int32)
    position = _SCRATCH.position
    position[slots] = order
    kept: Slots = slots[position[slots] == order]
    return kept
