"""What is attached: real type against the declared one, names, archives; bounded unpacking."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import Final

from features import archives
from features.context import Limits
from features.data_files import read_data
from features.message import Message, Part
from features.smuggling import smuggles

__all__ = ["Attachment", "Attachments", "attached_parts", "read_attachments"]

_EXTENSIONS: Final = {
    group: frozenset(names)
    for group, names in read_data("file_extensions").items()
    if isinstance(names, list)
}
_MAGIC: Final = (  # kind by the first bytes, as file(1) knows them
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "gzip"),
    (b"\xfd7zXZ\x00", "gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xfe\xed\xfa", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"MSCF\x00\x00\x00\x00", "cab"),
    (b"vhdxfile", "disk"),
    (b"conectix", "disk"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "lnk"),
    (b"{\\rt", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"BEGIN:VCALENDAR", "calendar"),
)
_PLACED: Final = (  # marks that don't stand first
    (b"CD001", 0x8001, "iso"),  # ECMA-119, 7.1: in the first volume descriptor
    (b"ustar", 257, "tar"),
    (b"**ACE**", 7, "ace"),
)
_MARKUP: Final = ((b"<svg", "svg"), (b"<!doctype html", "html"), (b"<html", "html"))
_MARKUP_WITHIN = 1_024
_SCRIPT_STARTS: Final = (b"#!", b"@echo off", b"<job", b"<?php")
_DECLARED: Final = {  # what a declared type's bytes should show
    "application/pdf": {"pdf"},
    "application/zip": {"zip", "ooxml"},
    "application/msword": {"ole", "ooxml", "rtf"},
    "application/vnd.ms-excel": {"ole", "ooxml"},
    "text/html": {"html", "svg", "text"},
    "text/plain": {"text", "html", "calendar", "script", "message"},
    "text/calendar": {"calendar", "text"},
}
_ARCHIVES: Final = frozenset({"zip", "rar", "7z", "gzip", "iso", "tar", "cab", "ace", "disk"})
_DISKS: Final = frozenset({"iso", "disk"})
_RISKY_EXTENSIONS: Final = (
    _EXTENSIONS["executable"] | _EXTENSIONS["script"] | _EXTENSIONS["html"] | _EXTENSIONS["archive"]
)
_RUNS: Final = _EXTENSIONS["executable"] | _EXTENSIONS["script"]
_OVERRIDES: Final = frozenset("\u202e\u202d\u2067\u2066")
_MEMBERS = 10_000
_NAME_BYTES = 256  # the end of a name says what it is
_ZIP_ENTRY = b"PK\x01\x02"
_ZIP_HEADER = Struct("<8xH18xHHH12x")  # of an entry: flags, sizes of name, extra field, comment
_OOXML_PARTS: Final = frozenset({"bin"})  # settings of printers, embedded objects
_MACRO_NAMES: Final = ("vbaproject.bin", "macrosheets/", "xl/macrosheets")
_OLE_MACRO: Final = (b"_\x00V\x00B\x00A\x00_\x00P\x00R\x00O\x00J\x00E\x00C\x00T", b"Attribut\x00e")
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 65_557  # end of central directory with the longest comment (APPNOTE.TXT, 4.3.16)
_RAR5 = b"Rar!\x1a\x07\x01\x00"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment. `kind` is the type its bytes show (magic numbers), `declared` the claimed.

    Kinds: pdf, zip, rar, 7z, gzip, tar, cab, ace, iso, disk, ole, ooxml, html, svg, image,
    executable, script, lnk, rtf, calendar, message, text, other. `size` in bytes. `traits`:
    type_mismatch, double_extension, executable, script, html, svg, archive, archive_encrypted,
    archive_executable, archive_nested, disk_image, macro, nested_message, right_to_left_name,
    html_smuggling.
    """

    name: str
    declared: str
    kind: str
    size: int
    sha256: str
    traits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attachments:
    """All attachments, at most `Limits.attachments`; `dropped` counts the rest."""

    all: tuple[Attachment, ...]
    traits: frozenset[str]
    dropped: int


def read_attachments(message: Message, limits: Limits) -> Attachments:
    """Identify each attachment by its bytes; archives are listed by name and never unpacked."""
    parts = attached_parts(message, limits)
    budget = limits.unpacked_bytes
    found = []
    for part in parts:
        found.append(_read(part, budget))
        budget = max(0, budget - len(part.content))
    return Attachments(
        all=tuple(found),
        traits=frozenset().union(*[attachment.traits for attachment in found]),
        dropped=len(message.attachments) - len(parts),
    )


def attached_parts(message: Message, limits: Limits) -> tuple[Part, ...]:
    """Return the parts that are read as attachments, in the order of Attachments.all."""
    parts = message.attachments
    if len(parts) <= limits.attachments:
        return parts
    # Padding must not hide what is dangerous by its name.
    return tuple(sorted(parts, key=_is_harmless))[: limits.attachments]


def _read(part: Part, budget: int) -> Attachment:
    data = part.content
    extensions = part.filename.lower().rstrip(" .").split(".")[1:]
    last = extensions[-1] if extensions else ""
    kind = _kind(part, data)
    traits = _name_traits(part.filename, extensions)
    if kind in ("zip", "ooxml"):
        kind, members = _read_zip(data, kind, budget)
        traits |= members
    elif kind in archives.KINDS:
        listing = archives.list_archive(kind, data)
        traits |= _member_traits(listing.names, encrypted=listing.encrypted)
    traits |= _page_traits(data, kind, last)
    traits |= {trait for trait, holds in _TESTS.items() if holds(data, kind, last)}
    if _mismatch(part.content_type, kind, data):
        traits.add("type_mismatch")
    return Attachment(
        name=part.filename,
        declared=part.content_type,
        kind=kind,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        traits=frozenset(traits),
    )


def _is_harmless(part: Part) -> bool:
    return part.filename.lower().rstrip(" .").rpartition(".")[2] not in _RISKY_EXTENSIONS


def _kind(part: Part, data: bytes) -> str:
    if part.content_type in ("message/rfc822", "message/global"):
        return "message"
    for start, kind in _MAGIC:
        if data.startswith(start):
            return kind
    for mark, place, kind in _PLACED:
        if data.startswith(mark, place):
            return kind
    head = data[:_MARKUP_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for word, kind in _MARKUP:
        if word in head:
            return kind
    if head.startswith(_SCRIPT_STARTS):
        return "script"
    return _by_rest(data, head)


def _by_rest(data: bytes, head: bytes) -> str:
    if data.rfind(_ZIP_END, max(0, len(data) - _ZIP_TAIL)) >= 0:
        return "zip"  # readers find its directory from the end, whatever stands before it
    return "other" if b"\0" in head or not _is_text(head) else "text"


def _is_text(head: bytes) -> bool:
    """Tell text from binary as git does, but by control characters, not by NUL alone."""
    controls = head.translate(None, bytes(range(32, 256)) + b"\t\n\r\f\x1b")
    return bool(head) and not controls


def _name_traits(name: str, extensions: list[str]) -> set[str]:
    traits = set()
    if not _OVERRIDES.isdisjoint(name):
        traits.add("right_to_left_name")
    if (
        len(extensions) >= 2
        and extensions[-1] in _RISKY_EXTENSIONS
        and extensions[-2].strip() in _EXTENSIONS["document"]
    ):
        traits.add("double_extension")
    return traits


def _page_traits(data: bytes, kind: str, last: str) -> set[str]:
    if kind not in ("html", "svg") and last not in _EXTENSIONS["html"]:
        return set()
    traits = {"svg" if kind == "svg" or last in ("svg", "svgz") else "html"}
    if smuggles(data):
        traits.add("html_smuggling")
    return traits


def _read_zip(data: bytes, kind: str, budget: int) -> tuple[str, set[str]]:
    """List a ZIP's members from its directory; nothing is decompressed."""
    if len(data) > budget:
        return kind, set()
    members = list(islice(_zip_members(data), _MEMBERS))
    names = [name for name, _ in members]
    encrypted = any(locked for _, locked in members)
    if "[content_types].xml" not in names:
        return kind, _member_traits(names, encrypted=encrypted)
    # Settings of printers and embedded objects end as programs may.
    traits = _member_traits(
        [n for n in names if n.rpartition(".")[2] not in _OOXML_PARTS], encrypted=encrypted
    )
    if any(word in name for name in names for word in _MACRO_NAMES):
        traits.add("macro")
    return "ooxml", traits - {"archive_nested"}


def _member_traits(names: Iterable[str], *, encrypted: bool) -> set[str]:
    """Say what the names of an archive's members tell, given in lower case."""
    traits = {"archive_encrypted"} if encrypted else set()
    for name in names:
        last = name.rpartition(".")[2]
        if last in _RUNS:
            traits.add("archive_executable")
        elif last in _EXTENSIONS["archive"]:
            traits.add("archive_nested")
    return traits


def _zip_members(data: bytes) -> Iterator[tuple[str, bool]]:
    """Yield lower-case name and encryption of each entry of a ZIP's directory.

    APPNOTE.TXT, 4.3.12. Entries are taken wherever their signature stands: readers differ on
    damaged or prefixed archives, and some reader opens what another refuses.
    """
    start = data.find(_ZIP_ENTRY)
    while 0 <= start <= len(data) - _ZIP_HEADER.size:
        flags, name_size, extra, comment = _ZIP_HEADER.unpack_from(data, start)
        begin = start + _ZIP_HEADER.size
        after = begin + name_size
        name = data[max(begin, after - _NAME_BYTES) : after]
        # Windows drops what trails a name.
        yield name.decode("latin-1").lower().rstrip(" ."), bool(flags & 1)
        following = after + extra + comment
        if not data.startswith(_ZIP_ENTRY, following):
            following = data.find(_ZIP_ENTRY, start + len(_ZIP_ENTRY))
        start = following


def _rar_encrypted(data: bytes) -> bool:
    """Tell whether a RAR archive's headers are encrypted (RAR 5.0 format note, archive headers)."""
    if data.startswith(_RAR5):
        return len(data) > 13 and data[13] == 4  # header type 4: encryption
    return len(data) > 11 and bool(data[10] & 0x80)  # RAR 4: MHD_PASSWORD


def _mismatch(declared: str, kind: str, data: bytes) -> bool:
    if not data:
        return False
    if declared.startswith("image/"):
        return kind not in ("image", "svg", "other", "text")
    return declared in _DECLARED and kind not in _DECLARED[declared] and kind != "other"


_TESTS: Final[dict[str, Callable[[bytes, str, str], bool]]] = {  # by bytes, kind, last extension
    "executable": lambda _, kind, last: kind == "executable" or last in _EXTENSIONS["executable"],
    "script": lambda _, kind, last: kind in ("script", "lnk") or last in _EXTENSIONS["script"],
    "archive": lambda _, kind, last: (
        kind in _ARCHIVES or (kind == "other" and last in _EXTENSIONS["archive"])
    ),
    "disk_image": lambda _, kind, last: kind in _DISKS or last in _EXTENSIONS["disk_image"],
    "archive_encrypted": lambda data, kind, _: kind == "rar" and _rar_encrypted(data),
    "macro": lambda data, kind, last: (
        last in _EXTENSIONS["macro"] or (kind == "ole" and any(m in data for m in _OLE_MACRO))
    ),
    "nested_message": lambda _, kind, __: kind == "message",
}
