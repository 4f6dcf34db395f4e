"""A message split for signature checks: its fields as they came and its body, with bounds."""

import re
from typing import NamedTuple

__all__ = ["Split", "longest_blank_run", "relaxed_body", "split_message"]

_LARGEST = 10_000_000  # octets; hashing more would take too long beside other messages
_MOST_FIELDS = 1_000
_LARGEST_HEADER = 262_144
_LINE_END = re.compile(rb"\r?\n")
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_NAME = re.compile(rb"[!-9;-~]+")
_BLANKS = re.compile(rb"[ \t]+")
_SPACES = re.compile(rb"\s+")


class Split(NamedTuple):
    """Fields as (name, value with its folding and the last CRLF); the body, its line ends CRLF.

    `broken` says that the header holds a line that is no field, or lies over the bounds: then
    readers don't agree where it ends, and no signature on it is worth anything.
    """

    fields: list[tuple[bytes, bytes]]
    body: bytes
    broken: bool

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of the fields with a lower-case name, from the top."""
        return [value for field, value in self.fields if field.lower() == name]


def split_message(raw: bytes) -> Split | None:
    """Split a message with CRLF or LF line ends, in linear time; None for one that is too large."""
    if len(raw) > _LARGEST:
        return None
    text = _LINE_END.sub(b"\r\n", raw)
    if text.startswith(b"\r\n"):
        return Split([], text[2:], broken=False)
    header, _, body = text.partition(b"\r\n\r\n")
    if len(header) > _LARGEST_HEADER:
        return Split([], body, broken=True)
    lines = _FIELD_END.split(header.removesuffix(b"\r\n"))
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or not _NAME.fullmatch(name):
            return Split(fields, body, broken=True)
        fields.append((name, value + b"\r\n"))
    return Split(fields, body, broken=len(fields) > _MOST_FIELDS)


def relaxed_body(body: bytes) -> bytes:
    """Return the body in the relaxed form (RFC 6376, 3.4.4) but for the empty lines at its end.

    dkimpy does it too, but in time that grows with the square of a run of blanks; on what has
    none left it is quick.
    """
    return _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")


def longest_blank_run(value: bytes) -> int:
    """Return the length of the longest run of white space."""
    return max(map(len, _SPACES.findall(value)), default=0)
