"""Office documents: macros, what is loaded from elsewhere, links, text and pictures."""

import html
import re
import zipfile
from io import BytesIO
from typing import Final

from oletools.olevba import TYPE_TEXT, VBA_Parser  # type: ignore[import-untyped]  # ships no types
from oletools.rtfobj import RtfObjParser  # type: ignore[import-untyped]  # ships no types

from features.opened import File
from streams.sandbox.codes import codes_in

__all__ = ["read_office"]

_MEMBERS = 2_000
_READ_BYTES = 400_000  # of a member
_ALL_BYTES = 4_000_000
_RELATIONS = 500
_TARGETS = 100
_TEXT_CHARS = 20_000
_PROJECTS = 3
_PROJECT_BYTES = 4_000_000
_PICTURES = 4
_PICTURE_BYTES = 2_000_000
_RELATION = re.compile(rb"<Relationship\b([^<>]{1,4096})>")
_ATTRIBUTE = re.compile(rb"([A-Za-z]{2,20})\s{0,4}=\s{0,4}[\"']([^\"'<>]{0,2048})[\"']")
_TAG = re.compile(rb"<[^<>]{0,4096}>")
_DDE = re.compile(rb"\bDDE(?:AUTO)?\b\s")
_RTF_TEMPLATE = re.compile(rb"\\\*\\template\s{0,8}(https?:[^\s{}\\]{4,2048})")
# Kinds of relationship that a document follows by itself when it is opened.
_LOADED: Final = (b"/attachedtemplate", b"/oleobject", b"/frame", b"/subdocument", b"/aframe")
_TEXTS: Final = ("word/document.xml", "xl/sharedStrings.xml", "ppt/slides/slide1.xml")
_MEDIA: Final = ("word/media/", "xl/media/", "ppt/media/")
# A template on the office's own server (file:, \\server) is honest work.
_WEB: Final = (b"http:", b"https:", b"ftp:", b"mhtml:")


def read_office(content: bytes, place: int) -> File:
    """Read an OLE, OOXML or RTF document; what can't be read is left out. Raises MemoryError."""
    reading = _Reading()
    if content.startswith(b"{\\rt"):
        steps = (reading.rtf,)
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        steps = (reading.macros,)
    else:
        steps = (reading.package,)
    for step in steps:
        try:
            step(content)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - parsers raise anything for hostile files
            reading.traits.add("damaged")
    return File(
        kind="office",
        place=place,
        text=reading.text,
        targets=tuple(dict.fromkeys(reading.targets))[:_TARGETS],
        codes=tuple(dict.fromkeys(reading.codes)),
        traits=frozenset(reading.traits),
    )


class _Reading:
    """What was read so far."""

    def __init__(self) -> None:
        self.traits: set[str] = set()
        self.targets: list[str] = []
        self.codes: list[str] = []
        self.text = ""

    def package(self, content: bytes) -> None:
        """Read an OOXML package: relationships, text, pictures; no XML parser is let at it."""
        with zipfile.ZipFile(BytesIO(content)) as package:
            members = package.infolist()[:_MEMBERS]
            left, pictures, projects = _ALL_BYTES, 0, 0
            for member in members:
                name = member.filename
                if member.flag_bits & 1:
                    self.traits.add("encrypted")
                elif name.endswith(".rels") and left > 0:
                    data = _member(package, member, _READ_BYTES)
                    left -= len(data)
                    self._relations(data)
                elif name in _TEXTS and left > 0:
                    data = _member(package, member, _READ_BYTES)
                    left -= len(data)
                    self._words(data)
                elif name.lower().endswith("vbaproject.bin") and projects < _PROJECTS:
                    projects += 1
                    self._project(_member(package, member, _PROJECT_BYTES))
                elif name.startswith(_MEDIA) and pictures < _PICTURES:
                    pictures += 1
                    self._picture(_member(package, member, _PICTURE_BYTES))
            if any("/embeddings/" in member.filename for member in members):
                self.traits.add("embedded")

    def macros(self, content: bytes) -> None:
        """Find macros, and what of them runs when the document is opened."""
        parser = VBA_Parser("document", data=content, disable_pcode=True)
        try:
            if parser.type == TYPE_TEXT or not parser.detect_macros():
                return  # any text would do for a macro's source
            self.traits.add("macro")
            for kind, keyword, what in parser.analyze_macros() or ():
                if kind == "AutoExec":
                    self.traits.add("autoexec")
                elif kind == "Suspicious":
                    self.traits.add("suspicious")
                elif kind == "IOC" and what == "URL" and len(self.targets) < _TARGETS:
                    self.targets.append(str(keyword))
        finally:
            parser.close()

    def rtf(self, content: bytes) -> None:
        """Find objects embedded in an RTF document, and a template that it loads."""
        parser = RtfObjParser(content)
        parser.parse()
        if any(found.is_ole or found.is_package for found in parser.objects):
            self.traits.add("embedded")
        if b"\\objupdate" in content or b"\\objautlink" in content:
            self.traits.add("autoexec")
        template = _RTF_TEMPLATE.search(content)
        if template:
            self.traits.add("remote_template")
            self.targets.append(template[1].decode("latin-1"))

    def _relations(self, data: bytes) -> None:
        for found in _RELATION.findall(data)[:_RELATIONS]:
            given = {name.lower(): value for name, value in _ATTRIBUTE.findall(found)}
            if given.get(b"targetmode", b"").lower() != b"external":
                continue
            kind, target = given.get(b"type", b"").lower(), given.get(b"target", b"")
            if kind.endswith(_LOADED) and target.lower().startswith(_WEB):
                self.traits.add("remote_template")
            elif not kind.endswith(b"/hyperlink"):
                continue
            if len(self.targets) < _TARGETS:
                self.targets.append(html.unescape(target.decode("utf-8", "replace")))

    def _words(self, data: bytes) -> None:
        text = _TAG.sub(b" ", data)
        if b"instrText" in data and _DDE.search(text):
            self.traits.add("dde")
        words = " ".join(html.unescape(text.decode("utf-8", "replace")).split())
        self.text = f"{self.text}\n{words}".strip()[:_TEXT_CHARS]

    def _project(self, data: bytes) -> None:
        self.traits.add("macro")
        try:
            self.macros(data)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - as above; what else is in the package is still read
            self.traits.add("damaged")

    def _picture(self, data: bytes) -> None:
        try:
            codes, cut = codes_in(data)
        except (OSError, ValueError, SyntaxError):  # drawings, and what Pillow can't read
            return
        self.codes += codes
        if cut:
            self.traits.add("cut")


def _member(package: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """Return the beginning of a member: what it says of its size isn't believed."""
    with package.open(member) as stream:
        return stream.read(most)
