"""Attachments of invented messages: harmless stand-ins with the structure that detectors read."""

import io
import struct
import zipfile
import zlib
from base64 import b64encode
from random import Random
from typing import NamedTuple

from apps.synthesis.letter import Letter

__all__ = ["Enclosure", "calendar", "enclosed", "picture"]


class Enclosure(NamedTuple):
    """A file in a message: its name, its media type and its content."""

    name: str
    type: str
    content: bytes


def enclosed(rng: Random, letter: Letter, *, fraud: bool) -> Enclosure:
    """Return the file that a message speaks of; both labels send every kind, not as often."""
    number = rng.randint(1000, 99_999)
    stem = rng.choice(("invoice_{n}", "document-{n}", "scan_{n}", "{n}", "statement {n}"))
    name = stem.format(n=number)
    kind = rng.random()
    if not fraud:
        kind = 0.5 * kind if kind < 0.9 else kind
    if kind < 0.5:
        return Enclosure(f"{name}.pdf", "application/pdf", _pdf(rng, letter))
    if kind < 0.7:
        return Enclosure(f"{name}.html", "text/html", _page(rng, letter, fraud=fraud))
    if kind < 0.82:
        inside = f"{name}.exe" if fraud and rng.random() < 0.6 else f"{name}.txt"
        return Enclosure(f"{name}.zip", "application/zip", _archive({inside: b"MZ stand-in"}))
    if kind < 0.92:
        office = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"}
        macro = fraud and rng.random() < 0.5
        if macro:
            office["word/vbaProject.bin"] = b"\xd0\xcf\x11\xe0 stand-in"
        ending = "docm" if macro else "docx"
        return Enclosure(f"{name}.{ending}", "application/octet-stream", _archive(office))
    return Enclosure(f"{name}.png", "image/png", picture(rng, 48))


def calendar(rng: Random, letter: Letter, organizer: str) -> str:
    """Return an invitation as iCalendar text."""
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT",
        f"UID:{rng.randint(10**9, 10**10)}@calendar", "DTSTART:20250603T090000Z",
        f"SUMMARY:{letter.subject}", f"DESCRIPTION:{' '.join(letter.paragraphs)}",
        f"ORGANIZER:mailto:{organizer}", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return "\r\n".join(lines)


def picture(rng: Random, side: int) -> bytes:
    """Return a square PNG of black and white fields by chance: no code that says anything."""
    rows = b"".join(b"\0" + bytes(rng.choice((0, 255)) for _ in range(side)) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _pdf(rng: Random, letter: Letter) -> bytes:
    text = f"Invoice {rng.randint(1000, 9999)}"
    link = (
        f"/Annots[<</Type/Annot/Subtype/Link/A<</S/URI/URI({letter.button[1]})>>>>]"
        if rng.random() < 0.5
        else ""
    )
    return (
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        f"3 0 obj<</Type/Page/Parent 2 0 R{link}/Contents 4 0 R>>endobj\n"
        f"4 0 obj<</Length {len(text) + 30}>>stream\nBT /F1 12 Tf 72 720 Td ({text}) Tj ET\n"
        "endstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    ).encode("latin-1", "replace")


def _page(rng: Random, letter: Letter, *, fraud: bool) -> bytes:
    if not fraud:
        return f"<html><body><h1>{letter.subject}</h1></body></html>".encode()
    hidden = b64encode(letter.button[1].encode() * 40).decode()
    if rng.random() < 0.5:
        return f'<script>document.write(atob("{hidden}"))</script>'.encode()
    return (
        f'<form action="{letter.button[1]}"><input name="u"><input type="password" name="p"></form>'
    ).encode()


def _archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2025, 6, 3, 9, 0, 0)), content)
    return out.getvalue()
