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
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.client import is_inside, parse_ip
from features.content import Content
from features.context import Context
from features.domains import split_host
from features.headers import Headers
from features.links import Links
from features.message import Message
from features.trace_fields import Hop

__all__ = ["SLOTS", "Slots", "Tokens", "layout", "segments"]

Slots = NDArray[np.intp]

SLOTS: Final = 1 << 20
_SHIFT: Final = np.uint32(32 - 20)
_NONE: Final = np.uint32(0xFFFF_FFFF)  # no slot; sorts behind all of them
_GRAM = 4
_REVISION = 2  # of what is cut and hashed, and how: a model's slots mean nothing under another
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
_WINDOWS = 12  # from the front, as many from the end, and as many spread over what lies between
_SOURCE_BYTES = 1_000
_SOURCE_READ = 65_536
_TARGET_BYTES = 800
_HEADER_SPACE: Final = np.uint32(0x5BD1E995)
_TRACE_SPACE: Final = np.uint32(0x1B873593)
_TEXT_RUN = re.compile(rb">[^<]{41,}")
_PRIVATE: Final = tuple(  # nobody outside has one of these (RFC 1918, 4193, 4291)
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"))
)


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
    """Hash a message's segments under the deployment's salt; at most 74 segments."""
    # Each text has its own windows: a long one that nobody is shown can't push out the other.
    texts = [*_windows(message.text)]
    if content.is_html:
        texts += _windows(content.text)
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
        lines.append(_without_noise(value[:_HOP_CHARACTERS]))
        if not _is_ours(hop, value, context):
            break
    return "\n".join(lines).encode("utf-8", "replace")[:_TRACE_BYTES]


def _is_ours(hop: Hop, value: str, context: Context) -> bool:
    """Tell whether our own server handed over in this hop, so that it wrote the line below.

    By `trusted_relays`; where none are named, by a private address, or by a name of the
    receiver's own domain that the receiver has looked up and confirmed: Postfix, Exim and
    Sendmail write such a name beside an address in brackets, Sendmail with a remark if it didn't
    lead back.
    """
    address = parse_ip(hop.ip)
    if address is None or is_inside(address, context.trusted_relays):
        return address is not None
    if context.trusted_relays:
        return False
    if is_inside(address, _PRIVATE):
        return True
    domain = split_host(hop.ptr).registrable
    confirmed = f"[{hop.ip}]" in value and "may be forged" not in value
    return bool(domain) and confirmed and domain == split_host(hop.by).registrable


def _without_noise(hop: str) -> str:
    """Cut date and identifiers from a Received value: they differ on every delivery."""
    words = hop.partition(";")[0].split()
    return " ".join(
        [word for before, word in pairwise(["", *words]) if word != "id" and before != "id"]
    )


def _windows(text: str) -> list[bytes]:
    data = text.encode("utf-8", "replace")
    starts: Sequence[int] = range(0, len(data), _WINDOW)
    if len(starts) > 3 * _WINDOWS:
        between = starts[_WINDOWS:-_WINDOWS]
        spread = [between[len(between) * (2 * n + 1) // (2 * _WINDOWS)] for n in range(_WINDOWS)]
        starts = [*starts[:_WINDOWS], *spread, *starts[-_WINDOWS:]]
    return [data[start : start + _WINDOW + _GRAM - 1] for start in starts]


def _source(html: str) -> bytes:
    markup = _TEXT_RUN.sub(b">", html[:_SOURCE_READ].encode("utf-8", "replace"))
    return markup[:_SOURCE_BYTES]


def _hashed(header: bytes, trace: bytes, texts: list[bytes], salt: int) -> Tokens:
    """Hash all parts in one go, then sort each, so that copies of a slot stand side by side."""
    data = b"".join([header, trace, *texts])
    if len(data) < _GRAM:
        return Tokens(np.zeros(0, np.intp), (0,))
    # A view of four bytes at every offset, little-endian on any machine.
    slots = np.ndarray((len(data) - _GRAM + 1,), "<u4", data, strides=(1,)).astype(np.uint32)
    slots[: len(header)] ^= _HEADER_SPACE
    slots[len(header) : len(header) + len(trace)] ^= _TRACE_SPACE
    slots *= np.uint32((salt | 1) & 0xFFFF_FFFF)
    slots >>= _SHIFT
    for end in accumulate(map(len, (header, trace, *texts))):
        slots[max(end - _GRAM + 1, 0) : end] = _NONE  # grams that run into the next part
    ends = [*accumulate(map(len, (header + trace, *texts)))]
    parts = [slice(start, end) for start, end in pairwise([0, *ends])]
    for part in parts:
        slots[part].sort()
    kept = np.empty(len(slots), np.bool_)
    np.not_equal(slots[1:], slots[:-1], out=kept[1:])
    kept[0] = True  # each later part's first differs from the _NONE that ends the one before
    kept &= slots != _NONE
    sizes = [int(np.count_nonzero(kept[part])) for part in parts]
    return Tokens(slots[kept].astype(np.intp), (sizes[0], *[size for size in sizes[1:] if size]))
