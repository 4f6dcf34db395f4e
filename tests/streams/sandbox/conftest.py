"""Files as an honest or a hostile sender makes them, and the real reader that opens them."""

import io
import struct
import zipfile
from types import SimpleNamespace

import pytest
import zxingcpp
from PIL import Image

from streams.sandbox.sandbox import Sandbox

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def code(text, scale=4):
    """Return a picture of a QR code."""
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=scale)
    height, width = drawn.shape
    return Image.frombytes("L", (width, height), memoryview(drawn).tobytes())


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pdf(content=b"", links=(), *, root=b"", page=b"", kids=b"[3 0 R]", objects=(), stream=b""):
    """Return a PDF of one page; `root` and `page` go into their dictionaries."""
    annotations = b"".join(
        b"<</Subtype/Link/A<</S/URI/URI(" + link.encode() + b")>>>>" for link in links
    )
    found = [
        b"<</Type/Catalog/Pages 2 0 R" + root + b">>",
        b"<</Type/Pages/Kids" + kids + b"/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>/Annots["
        + annotations
        + b"]"
        + page
        + b">>",
        b"<</Length %d%s>>\nstream\n" % (len(content), stream) + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *objects,
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(found, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(found) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer <</Size %d/Root 1 0 R/Prev %d>>\n" % (len(found) + 1, start)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def shown(*lines):
    """Return a page's content that shows lines of text."""
    texts = b" ".join(b"(" + line.encode() + b") Tj T*" for line in lines)
    return b"BT /F 11 Tf 14 TL 60 760 Td " + texts + b" ET"


def macro(source):
    """Return a module's source as a document stores it, all of it literal (MS-OVBA, 2.4.1)."""
    data, body = source.encode("latin-1"), b""
    for start in range(0, len(data), 8):
        body += b"\0" + data[start : start + 8]
    return b"\1" + struct.pack("<H", 0xB000 | (len(body) - 1)) + body


def ole(stream, chain=None):
    """Return a compound file with one stream, MS-CFB; `chain` replaces its sectors' chain."""
    content = stream.rjust(4096, b"\0")
    count = -(-len(content) // SECTOR)
    table = [FAT, END, *(chain or [*range(3, 2 + count), END])]
    entries = b""
    for name, kind, child, first, size in (
        ("Root Entry", 5, 1, END, 0),
        ("Module1", 2, FREE, 2, len(content)),
    ):
        raw = name.encode("utf-16-le")
        entries += raw.ljust(64, b"\0") + struct.pack(
            "<HBBIII36xIIxxxx", len(raw) + 2, kind, 1, FREE, FREE, child, first, size
        )
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<5H6x10I", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, END, 0, END, 0, 0)
    fat = struct.pack(f"<{len(table)}I", *table).ljust(SECTOR, b"\xff")
    sectors = fat + entries.ljust(SECTOR, b"\0") + content.ljust(count * SECTOR, b"\0")
    return head.ljust(SECTOR, b"\xff") + sectors


def package(members, relations=()):
    """Return an OOXML package; `relations` are (kind, target) outside of it."""
    file = io.BytesIO()
    entries = "".join(
        f'<Relationship Id="r" Type="{RELATIONS}{kind}" Target="{target}" TargetMode="External"/>'
        for kind, target in relations
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "word/_rels/document.xml.rels", f"<Relationships>{entries}</Relationships>"
        )
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture(scope="session")
def make():
    return SimpleNamespace(
        code=code, saved=saved, pdf=pdf, shown=shown, macro=macro, ole=ole, package=package
    )


@pytest.fixture(scope="session")
def sandbox():
    """One reader for all tests: what a file does to it, the next test would see."""
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()
