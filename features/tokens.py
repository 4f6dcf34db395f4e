"""Hashed byte 4-grams of a message by segment: the input of the online text model.

A message is a header part and a few segments (windows of visible text, HTML source, link targets).
A model that scores each segment with the header part, and takes a soft maximum, isn't fooled by
honest text that pads a lure. Features are binary: each slot once in the header part and once in
each segment. The hash is Knuth's multiplicative one (The Art of Computer Programming 3, 6.4) with
a secret odd multiplier for each deployment, so that nobody can craft collisions.
"""

import hashlib
import re
from collections import defaultdict
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

__all__ = ["SLOTS", "Slots", "Tokens", "layout", "segments"]

Slots = NDArray[np.intp]

SLOTS: Final = 1 << 20
_BITS: Final = np.uint32(20)
_SHIFT: Final = np.uint32(32 - 20)
_GRAM = 4
_REVISION = 1  # of what is cut and hashed, and how: a model's slots mean nothing under another
_KEPT: Final = (
    "from", "to", "cc", "subject", "reply-to", "date", "message-id", "mime-version",
    "content-type", "content-transfer-encoding", "x-mailer", "user-agent", "in-reply-to",
    "references", "x-priority", "importance", "sender", "list-id", "list-unsubscribe",
    "precedence", "organization", "x-mimeole",
)  # fmt: skip
_FIELD_BYTES = 100
_THREAD_BYTES = 40  # long ones are cheap padding
_FIELD_BOUNDS: Final = dict.fromkeys(_KEPT, _FIELD_BYTES) | dict.fromkeys(
    ("in-reply-to", "references"), _THREAD_BYTES
)
_REPEATED = 3  # fields of one name that are read
_HEADER_BYTES = 1_200
_TRACE_BYTES = 800
_HOP_CHARACTERS = 2_000
_WINDOW = 700
_WINDOWS = 12  # from the front, and as many from the end
_SOURCE_BYTES = 1_000
_SOURCE_READ = 65_536
_TARGET_BYTES = 800
_HEADER_SPACE: Final = np.uint32(0x5BD1E995)
_TRACE_SPACE: Final = np.uint32(0x1B873593)
_TEXT_RUN = re.compile(rb">[^<]{41,}")
_TRACE_NOISE = re.compile(r"\bid\s+\S+|;.*", re.DOTALL)  # differs on every delivery


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The slots of a message's parts, one after the other, each part's ascending and each once.

    `slots` lie in [0, SLOTS); `sizes` says how many are the header part's, then how many each
    segment's. No segment is empty; the header part may be.
    """

    slots: Slots
    sizes: tuple[int, ...]

    @property
    def header(self) -> Slots:
        """The slots of the header part."""
        return self.slots[: self.sizes[0]]

    @property
    def segments(self) -> tuple[Slots, ...]:
        """The slots of every segment."""
        return tuple(np.split(self.slots, np.cumsum(self.sizes)))[1:-1]


def layout(context: Context) -> str:
    """Return 12 hex digits that stand for how slots are worked out, the salt's secret included.

    A model learned under one layout can't read the slots of another.
    """
    keyed = f"{_REVISION}\n{SLOTS}\n{context.token_salt}"
    return hashlib.blake2b(keyed.encode(), digest_size=6, person=b"weir tokens").hexdigest()


def segments(
    message: Message, headers: Headers, content: Content, links: Links, context: Context
) -> Tokens:
    """Hash a message's segments under the deployment's salt; at most 26 segments."""
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
    return _hashed(
        _header_bytes(message), _own_trace(message, headers, context), texts, context.token_salt
    )


def _header_bytes(message: Message) -> bytes:
    found: dict[str, list[str]] = defaultdict(list)
    for header in message.headers:
        if header.name in _FIELD_BOUNDS and len(found[header.name]) < _REPEATED:
            found[header.name].append(header.raw)
    lines = [
        # Cut before it is encoded, since a field may be long, and after, since bytes count.
        f"{name}:{raw[:bound]}".encode("utf-8", "surrogateescape")[:bound]
        for name, bound in _FIELD_BOUNDS.items()
        for raw in found.get(name, ())
    ]
    return b"\n".join(lines)[:_HEADER_BYTES]


def _own_trace(message: Message, headers: Headers, context: Context) -> bytes:
    """Return our own servers' Received lines down to the first hop from outside.

    They are the one part of a header that a sender can't write.
    """
    lines = []
    for value, hop in zip(message.all("received"), headers.hops, strict=False):
        lines.append(_TRACE_NOISE.sub("", value[:_HOP_CHARACTERS]))
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


def _hashed(header: bytes, trace: bytes, texts: list[bytes], salt: int) -> Tokens:
    """Hash all parts in one go: a gram's key is its part's number before its slot."""
    pieces = [header, trace, *texts]
    # Grams that begin in a piece's last three bytes run into the next one: they get the number
    # after the last part's, which sorts to the end and is cut off.
    parts = max(len(pieces) - 1, 1)
    data = b"".join(pieces)
    if len(data) < _GRAM:
        return Tokens(np.zeros(0, np.intp), (0,))
    lengths = [len(piece) for piece in pieces]
    # A view of four bytes at every offset, little-endian on any machine.
    keys = np.ndarray((len(data) - _GRAM + 1,), "<u4", data, strides=(1,)).astype(np.uint32)
    keys[: lengths[0]] ^= _HEADER_SPACE
    keys[lengths[0] : lengths[0] + lengths[1]] ^= _TRACE_SPACE
    keys *= np.uint32((salt | 1) & 0xFFFF_FFFF)
    keys >>= _SHIFT
    keys |= _numbers(lengths, parts)[: len(keys)]
    keys.sort()
    first = np.empty(len(keys), np.bool_)
    first[0] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first]
    ends = keys.searchsorted(np.arange(1, parts + 1, dtype=np.uint32) << _BITS).tolist()
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    slots = (keys[: ends[-1]] & np.uint32(SLOTS - 1)).astype(np.intp)
    return Tokens(slots, (sizes[0], *[size for size in sizes[1:] if size]))


def _numbers(lengths: list[int], parts: int) -> NDArray[np.uint32]:
    """Return each byte's part, shifted: header and trace are part 0, the segments follow."""
    numbers: list[int] = []
    counts: list[int] = []
    for place, length in enumerate(lengths):
        whole = max(length - _GRAM + 1, 0)
        numbers += (max(place - 1, 0), parts)
        counts += (whole, length - whole)
    return np.repeat(np.array(numbers, np.uint32) << _BITS, counts)
