"""What is asked of the shell about attachments, and what it found inside them: plain data."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from features.domains import split_host
from features.headers import Headers
from features.links import Link, read_targets
from features.urls import find_urls

__all__ = ["BLOCKS", "NOTHING_OPENED", "File", "Inside", "Kind", "Request", "look_inside"]

Kind = Literal["pdf", "image", "office", "text"]

BLOCKS: Final = frozenset("█▀▄▓■")
"""Characters that a code can be drawn with."""

_LINKS = 100  # of a file
_HOST_CHARS = 253
_DOT = "."


class Request(msgspec.Struct, frozen=True, gc=False):
    """An attachment to be opened; `place` is its index in Attachments.all.

    Of kind text, at place -1, it is the body itself, in UTF-8, in which a code may be drawn.
    """

    kind: Kind
    place: int
    content: bytes


class File(msgspec.Struct, frozen=True, gc=False):
    """What was found inside one attachment, all of it bounded.

    `text` is that of the first pages, `targets` are the addresses it links to, `codes` what its
    QR, Aztec and DataMatrix codes say, `pages` counts pages. Traits: damaged (can't be read, or
    in part only), encrypted, cut (there is more than was read); of a PDF javascript, launch,
    submit, embedded; of an Office document macro, autoexec, suspicious, dde, remote_template,
    embedded.
    """

    kind: Kind
    place: int
    text: str = ""
    targets: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    pages: int = 0
    traits: frozenset[str] = frozenset()


class Inside(msgspec.Struct, frozen=True, gc=False):
    """A file with its links read as those of the body are, each target once."""

    file: File
    links: tuple[Link, ...]
    codes: tuple[Link, ...]


NOTHING_OPENED: Final[tuple[Inside, ...]] = ()


def look_inside(files: Sequence[File], headers: Headers) -> tuple[Inside, ...]:
    """Read the links of opened files."""
    return tuple(
        Inside(
            file,
            read_targets(_once((*file.targets, *find_urls(file.text))), file.kind, headers),
            read_targets(_once(map(_address, file.codes)), "code", headers),
        )
        for file in files
    )


def _once(targets: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(targets))[:_LINKS]


def _address(code: str) -> str:
    """Return what a phone opens for a code's text: a bare host is an address there."""
    text = code.strip()
    if "://" in text or any(char.isspace() for char in text):
        return text
    host = text.partition("/")[0].partition("?")[0]
    bare = _DOT in host and "@" not in host and ":" not in host and len(host) <= _HOST_CHARS
    return f"https://{text}" if bare and split_host(host.lower()).registrable else text
