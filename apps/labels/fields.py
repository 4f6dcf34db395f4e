"""Blocks of fields in parts that machines write: feedback reports, delivery statuses."""

from collections.abc import Mapping
from typing import Final

from features.header_block import find_section, split_fields

__all__ = ["blocks"]

_MOST: Final = 1_000  # blocks: a bounce has one for each recipient
_FIELDS: Final = 200  # of a block
_BYTES: Final = 65_536  # of a block


def blocks(content: bytes) -> list[Mapping[str, str]]:
    """Split a part into its blocks of fields (RFC 3464, 2.1): lower-case names, the first of each.

    Blank lines part the blocks. Comments that lead a value with its type (`rfc822;`) stay.
    """
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[Mapping[str, str]] = []
    at = 0
    while at < len(content) and len(found) < _MOST:
        if content.startswith(b"\n", at):
            at += 1
            continue
        section = find_section(content, at, len(content))
        fields = split_fields(content, section, _FIELDS, _BYTES).fields
        if fields:
            found.append({name: " ".join(value.split()) for name, value in reversed(fields)})
        at = max(section.body, at + 1)
    return found
