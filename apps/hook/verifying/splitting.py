"""A message split for signature checks: its fields as they came and its body, with bounds."""

import re
from typing import NamedTuple

from apps.hook.verifying.body_hashes import BodyHashes

__all__ = ["Split", "longest_blank_run", "split_message"]

_LARGEST = 10_000_000  # octets; hashing more would take too long beside other messages
_MOST_FIELDS = 1_000
_LARGEST_HEADER = 262_144
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]+")
_SPACES = re.compile(rb"\s+")


class Split(NamedTuple):
    """Fields as (name, value with its folding and the last CRLF), and what the body hashes to.

    `broken` says that the header holds a line that is no field, or lies over the bounds: then
    readers don't agree where it ends, and no signature on it is worth anything.
    """

    fields: list[tuple[bytes, bytes]]
    hashes: BodyHashes
    broken: bool

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of the fields with a lower-case name, from the top."""
        return [value for field, value in self.fields if field.lower() == name]


def split_message(raw: bytes) -> Split | None:
    """Split a message with CRLF or LF line ends, in linear time; None for one that is too large.

    The line that parts messages in an mbox is no part of it.
    """
    if len(raw) > _LARGEST:
        return None
    text = raw
    if raw.startswith((b"From ", b">From ")):
        text = raw.partition(b"\n")[2]
    if text.count(b"\n") != text.count(b"\r\n"):
        text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if text.startswith(b"\r\n"):
        return Split([], BodyHashes(text[2:]), broken=False)
    header, _, body = text.partition(b"\r\n\r\n")
    hashes = BodyHashes(body)
    if len(header) > _LARGEST_HEADER:
        return Split([], hashes, broken=True)
    lines = _FIELD_END.split(header.removesuffix(b"\r\n"))
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or not _NAME.fullmatch(name):
            return Split(fields, hashes, broken=True)
        fields.append((name, value + b"\r\n"))
    return Split(fields, hashes, broken=len(fields) > _MOST_FIELDS)


def longest_blank_run(value: bytes) -> int:
    """Return the length of the longest run of white space."""
    return max(map(len, _SPACES.findall(value)), default=0)
