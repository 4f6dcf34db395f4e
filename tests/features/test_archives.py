"""Names from the headers of archives, made here by their documented formats."""

import gzip
import io
import random
import struct
import tarfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.archives import KINDS, list_archive

NAMES = ("orders/order 81.pdf.exe", "read.me")


def _rar5(names=NAMES, *, locked=False, headers_locked=False):
    def block(kind, body, data=b"", extra=b""):
        flags = (1 if extra else 0) | (2 if data else 0)
        head = bytes([kind, flags])
        head += bytes([len(extra)]) if extra else b""
        head += bytes([len(data)]) if data else b""
        content = bytes([len(head + body + extra)]) + head + body + extra
        return struct.pack("<I", zlib.crc32(content)) + content + data

    out = b"Rar!\x1a\x07\x01\x00"
    if headers_locked:
        return out + block(4, b"\x00\x00\x0f" + bytes(20)) + bytes(64)
    out += block(1, b"\x00")
    for name in names:
        body = b"\x04\x83\x01\x20" + bytes(4) + b"\x80\x00\x01" + bytes([len(name)])
        out += block(2, body + name.encode(), b"xyz", b"\x03\x01\x00\x00" if locked else b"")
    return out + block(5, b"\x00")


def _rar4(names=NAMES, *, locked=False, headers_locked=False):
    out = b"Rar!\x1a\x07\x00" + struct.pack("<HBHH6x", 0, 0x73, 0x80 * headers_locked, 13)
    for name in names:
        raw, flags = name.encode(), 0x8000 | 4 * locked
        out += struct.pack("<HBHH", 0, 0x74, flags, 32 + len(raw))
        out += struct.pack("<IIBIIBBHI", 3, 3, 2, 0, 0, 29, 0x30, len(raw), 0) + raw + b"xyz"
    return out + struct.pack("<HBHH", 0, 0x7B, 0, 7)


def _seven_zip(names=NAMES, *, locked=False, packed=False):
    text = b"".join(name.encode("utf-16-le") + b"\0\0" for name in names)
    size = bytes([0x80 | (len(text) + 1) >> 8, (len(text) + 1) & 0xFF])
    header = b"\x17" if packed else b"\x01\x04\x06\x11\x22"  # a byte that looks like the mark
    header += b"\x06\xf1\x07\x01" if locked else b""
    header += b"" if packed else b"\x11" + size + b"\0" + text + b"\0\0"
    start = struct.pack("<QQI", 3, len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", 0) + start + b"xyz" + header


def _gzip(names=NAMES):
    file = io.BytesIO()
    with gzip.GzipFile(names[0].rpartition("/")[2], "wb", fileobj=file) as packed:
        packed.write(b"xyz")
    return file.getvalue()


def _tar(names=NAMES):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 700
            archive.addfile(member, io.BytesIO(bytes(700)))
    return file.getvalue()


def _cab(names=NAMES):
    out = b"MSCF" + struct.pack("<4xI4xI4xBBHHH4x", 0, 36, 3, 1, 1, len(names), 0)
    for name in names:
        out += struct.pack("<IIHHHH", 3, 0, 0, 0, 0, 0x20) + name.encode() + b"\0"
    return out


def _iso(names=NAMES, *, ring=False):
    def record(name, extent, size, flags=0):
        raw = name.encode() or b"\0"
        length = 33 + len(raw) + (len(raw) + 1) % 2
        head = struct.pack("<BxI4xI11xB6xB", length, extent, size, flags, len(raw))
        return (head + raw).ljust(length, b"\0")

    root = record("", 18, 2048, 2) + record("\1", 18, 2048, 2)
    root += record("ORDERS", 18 if ring else 19, 2048, 2)
    inner = record("", 19, 2048, 2) + b"".join(
        record(f"{name.rpartition('/')[2].upper()};1", 20, 3) for name in names
    )
    volume = (b"\x01CD001\x01\0".ljust(156, b"\0") + record("", 18, 2048, 2)).ljust(2048, b"\0")
    folders = root.ljust(2048, b"\0") + inner.ljust(2048, b"\0")
    return bytes(16 * 2048) + volume + bytes(2048) + folders + b"xyz"


MADE = {
    "rar": _rar5, "7z": _seven_zip, "gzip": _gzip, "tar": _tar, "cab": _cab, "iso": _iso,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["rar", "7z", "tar", "cab"])
def test_names_are_listed_without_unpacking(kind):
    assert list_archive(kind, MADE[kind]()) == (NAMES, False)


def test_names_of_an_older_rar_are_listed():
    assert list_archive("rar", _rar4()) == (NAMES, False)


def test_the_one_name_of_a_gzip_is_read():
    assert list_archive("gzip", _gzip()).names == ("order 81.pdf.exe",)
    assert list_archive("gzip", gzip.compress(b"xyz")).names == ()


def test_files_in_folders_of_a_disk_image_are_listed():
    assert list_archive("iso", _iso()).names == ("order 81.pdf.exe", "read.me")
    assert list_archive("iso", _iso(ring=True)).names == ()


@pytest.mark.parametrize("make", [_rar5, _rar4, _seven_zip])
def test_locked_members_are_told_with_their_names(make):
    kind = "7z" if make is _seven_zip else "rar"

    assert list_archive(kind, make(locked=True)) == (NAMES, True)


def test_locked_headers_are_told():
    assert list_archive("rar", _rar5(headers_locked=True)) == ((), True)
    assert list_archive("rar", _rar4(headers_locked=True)) == ((), True)
    assert list_archive("7z", _seven_zip(packed=True, locked=True)) == ((), True)


def test_a_compressed_header_tells_nothing():
    assert list_archive("7z", _seven_zip(packed=True)) == ((), False)


@pytest.mark.parametrize("kind", sorted(MADE))
def test_an_archive_cut_off_anywhere_is_listed_as_far_as_it_goes(kind):
    whole = MADE[kind]()
    names = set(list_archive(kind, whole).names)
    for end in range(0, len(whole), max(1, len(whole) // 400)):
        listing = list_archive(kind, whole[:end])
        assert len(set(listing.names) - names) <= 1, "the last may be cut"


@pytest.mark.parametrize("kind", sorted(MADE))
def test_damaged_archives_are_listed_within_bounds(kind):
    chance = random.Random(3)
    for _ in range(300):
        data = bytearray(MADE[kind]())
        for _ in range(6):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert len(list_archive(kind, bytes(data)).names) <= 10_000


@given(kind=st.sampled_from(sorted(KINDS)), data=st.binary(max_size=2_000))
def test_no_bytes_break_a_reader(kind, data):
    list_archive(kind, data)


def test_names_are_bounded():
    assert len(list_archive("cab", _cab(["a.txt"] * 12_000)).names) == 10_000
    assert len(list_archive("tar", _tar(["x" * 90])).names[0]) == 90
