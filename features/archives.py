"""What archives and disk images say is in them: names from their headers, nothing unpacked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from struct import Struct, error
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["KINDS", "Listing", "list_archive"]

_MEMBERS = 10_000
_BLOCKS = 10_000
_FOLDERS = 200  # of a disk image
_NAME_BYTES = 256  # the end of a name says what it is
_RAR5: Final = b"Rar!\x1a\x07\x01\x00"
_RAR5_FILE, _RAR5_ENCRYPTION = 2, 4
_RAR5_HEADER = 4_096  # bytes read of one
_RAR4_BLOCK = Struct("<xxBHH")
_RAR4_FILE = Struct("<I15xH4x")  # packed size, size of the name
_RAR4_ARCHIVE, _RAR4_ENTRY = 0x73, 0x74
_7Z_START = Struct("<QQ")
_7Z_AES: Final = b"\x06\xf1\x07\x01"  # the coder's id (7zFormat.txt, Methods.txt)
_7Z_NAMES: Final = b"\x11"
_7Z_HEADER = 65_536
_7Z_TRIES = 32  # bytes that look like the mark of names
_TAR_BLOCK = 512
_CAB_COUNTS = Struct("<16xI8xH")
_CAB_FILE = 16
_SECTOR = 2_048
_ISO_ROOT = 16 * _SECTOR + 156  # ECMA-119, 8.4.18: the root's record in the volume descriptor
_ISO_RECORD = Struct("<BxI4xI")
_ISO_FOLDER = 2  # flag


class Listing(NamedTuple):
    """Names in lower case, at most 10,000; `encrypted` if a password is needed for any or all."""

    names: tuple[str, ...]
    encrypted: bool


_Member = tuple[bytes, bool]  # name, encrypted


def list_archive(kind: str, data: bytes) -> Listing:
    """Return what a header tells; where it tells nothing, or lies, there are fewer names."""
    found: list[_Member] = []
    reader = _READERS.get(kind)
    if reader is not None:
        with suppress(error, IndexError, ValueError):  # it ends within a header
            for member in islice(reader(data), _MEMBERS):
                found.append(member)  # noqa: PERF402 - what came before an error is kept
    names = [name[-_NAME_BYTES:].decode("latin-1").lower().rstrip(" .\0") for name, _ in found]
    return Listing(tuple(filter(None, names)), any(locked for _, locked in found))


def _rar(data: bytes) -> Iterator[_Member]:
    return _rar5(data) if data.startswith(_RAR5) else _rar4(data)


def _rar5(data: bytes) -> Iterator[_Member]:
    """RAR 5.0 archive format, general block and file header."""
    at = len(_RAR5)
    for _ in range(_BLOCKS):
        size, start = _number(data, at + 4)
        kind, place = _number(data, start)
        flags, place = _number(data, place)
        extra, place = _number(data, place) if flags & 1 else (0, place)
        body, place = _number(data, place) if flags & 2 else (0, place)
        end = start + size
        if kind == _RAR5_ENCRYPTION:
            yield b"", True
            return
        if kind == _RAR5_FILE:
            header = data[place : min(end, place + _RAR5_HEADER)]
            locked = extra > 0 and _rar5_locked(data[max(place, end - extra) : end][:32])
            yield _rar5_name(header), locked
        at = end + body


def _rar5_locked(extra: bytes) -> bool:
    """Tell whether the first record of a file's extra area is that of its encryption."""
    _, at = _number(extra, 0)
    return _number(extra, at)[0] == 1


def _rar5_name(header: bytes) -> bytes:
    flags, at = _number(header, 0)
    _, at = _number(header, at)
    _, at = _number(header, at)
    at += 4 * (bool(flags & 2) + bool(flags & 4))
    _, at = _number(header, at)
    _, at = _number(header, at)
    size, at = _number(header, at)
    return header[at : at + size]


def _rar4(data: bytes) -> Iterator[_Member]:
    """RAR 2.9 to 4, technote.txt; a marker block of 7 bytes comes first."""
    at = 7
    for _ in range(_BLOCKS):
        kind, flags, size = _RAR4_BLOCK.unpack_from(data, at)
        body = 0
        if kind == _RAR4_ARCHIVE and flags & 0x80:
            yield b"", True
            return
        if kind == _RAR4_ENTRY:
            body, name_size = _RAR4_FILE.unpack_from(data, at + _RAR4_BLOCK.size)
            start = at + _RAR4_BLOCK.size + 25 + (8 if flags & 0x100 else 0)
            yield data[start : start + name_size].partition(b"\0")[0], bool(flags & 4)
        elif flags & 0x8000:
            (body,) = Struct("<I").unpack_from(data, at + _RAR4_BLOCK.size)
        if size < _RAR4_BLOCK.size:
            return
        at += size + body


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, and return the place behind it."""
    value = shift = 0
    for at in range(at, at + 10):  # noqa: B020, PLR1704 - the place is what is counted
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at + 1
        shift += 7
    raise ValueError("no number")


def _seven_zip(data: bytes) -> Iterator[_Member]:
    """7zFormat.txt: names stand in the header at the end, unless that is compressed itself."""
    offset, size = _7Z_START.unpack_from(data, 12)
    header = data[32 + offset : 32 + offset + size]
    locked = _7Z_AES in header
    if locked:
        yield b"", True
    if header[:1] != b"\x01":
        return
    header = header[-_7Z_HEADER:]
    at = header.find(_7Z_NAMES)
    for _ in range(_7Z_TRIES):
        names = _utf16_names(header, at) if at >= 0 else []
        if names:
            yield from ((name, locked) for name in names)
            return
        at = header.find(_7Z_NAMES, at + 1)


def _utf16_names(header: bytes, at: int) -> list[bytes]:
    """Return the names of a property that begins there; none where another one does."""
    first, extra = header[at + 1 : at + 2], 0
    while first and first[0] & (0x80 >> extra) and extra < 8:
        extra += 1
    begin = at + 2 + extra
    if header[begin : begin + 1] != b"\0":
        return []
    text = header[begin + 1 :].decode("utf-16-le", "replace").rpartition("\0")[0]
    names = text.split("\0")[:_MEMBERS]
    plausible = names and names[0] and names[0].isprintable()
    return [n.encode("latin-1", "replace") for n in names if n.isprintable()] if plausible else []


def _gzip(data: bytes) -> Iterator[_Member]:
    """RFC 1952, 2.3: the name of the one file, if it was stored."""
    at = 10
    if data.startswith(b"\x1f\x8b") and data[3] & 8:
        if data[3] & 4:
            at += 2 + int.from_bytes(data[at : at + 2], "little")
        yield data[at : at + 4 * _NAME_BYTES].partition(b"\0")[0], False


def _tar(data: bytes) -> Iterator[_Member]:
    """POSIX ustar: a block of 512 bytes a member, then its content in such blocks."""
    at = 0
    while data[at + 257 : at + 262] == b"ustar":
        yield data[at : at + 100].partition(b"\0")[0], False
        size = int(data[at + 124 : at + 136].strip(b" \0") or b"0", 8)
        at += _TAR_BLOCK * (1 + -(-max(size, 0) // _TAR_BLOCK))


def _cabinet(data: bytes) -> Iterator[_Member]:
    """Microsoft Cabinet Format, CFHEADER and CFFILE."""
    at, count = _CAB_COUNTS.unpack_from(data)
    for _ in range(min(count, _MEMBERS)):
        start = at + _CAB_FILE
        end = data.find(b"\0", start, start + 4 * _NAME_BYTES)
        if end < 0:
            return
        yield data[start:end], False
        at = end + 1


def _disk_image(data: bytes) -> Iterator[_Member]:
    """ECMA-119, 9.1: the records of each folder, from the root on."""
    _, extent, size = _ISO_RECORD.unpack_from(data, _ISO_ROOT)
    folders, seen, left = [(extent, size)], {extent}, _BLOCKS
    while folders:
        extent, size = folders.pop()
        at, end = extent * _SECTOR, min(extent * _SECTOR + size, len(data))
        while at < end and left:
            left -= 1
            length, inner, inner_size = _ISO_RECORD.unpack_from(data, at)
            if not length:  # records don't cross sectors
                at = (at // _SECTOR + 1) * _SECTOR
                continue
            name = data[at + 33 : at + 33 + data[at + 32]]
            if not data[at + 25] & _ISO_FOLDER:
                yield name.partition(b";")[0], False
            elif len(name) > 1 and inner not in seen and len(seen) < _FOLDERS:
                seen.add(inner)
                folders.append((inner, inner_size))
            at += length


_READERS: Final[Mapping[str, Callable[[bytes], Iterator[_Member]]]] = MappingProxyType(
    {
        "rar": _rar,
        "7z": _seven_zip,
        "gzip": _gzip,
        "tar": _tar,
        "cab": _cabinet,
        "iso": _disk_image,
    }
)
KINDS: Final = frozenset(_READERS)
"""The kinds whose names can be listed; a ZIP's are read in features.attachments."""
