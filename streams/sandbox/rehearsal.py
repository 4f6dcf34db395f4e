"""Everything opened once before the doors close: libraries import parts of themselves late."""

import encodings
import importlib
import pkgutil
import zipfile
from io import BytesIO
from typing import Any

import zxingcpp
from PIL import Image

from features.opened import Request
from streams.sandbox.files import open_file

__all__ = ["rehearse"]

_SAID = "https://example.org/"
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
_PAGE = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>
/Annots[<</Subtype/Link/A<</S/URI/URI(https://example.org/)>>>>]>> endobj
4 0 obj <</Length 38>> stream
BT /F 12 Tf 72 720 Td (Good day.) Tj ET
endstream endobj
5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
trailer <</Root 1 0 R>>
"""


def rehearse() -> None:
    """Open a file of each kind; raises RuntimeError where a library doesn't do what it must."""
    for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
        try:
            importlib.import_module(module.name)
        except ImportError:  # some are of other systems
            continue
    pictures = {name: _saved(name) for name in (*_FORMATS, "PDF")}
    for name, content in pictures.items():
        found = open_file(Request("pdf" if name == "PDF" else "image", 0, content))
        if found.codes != (_SAID,):
            raise RuntimeError(f"a code in a {name} isn't read")
    page = open_file(Request("pdf", 0, _PAGE))
    if _SAID not in page.targets or page.text != "Good day.":
        raise RuntimeError("a PDF isn't read")
    for content in (_document(pictures["PNG"]), b"{\\rtf1 x}", b"\xd0\xcf\x11\xe0" + bytes(512)):
        open_file(Request("office", 0, content))


def _saved(name: str) -> bytes:
    drawn: Any = zxingcpp.create_barcode(_SAID, zxingcpp.BarcodeFormat.QRCode).to_image(scale=4)
    height, width = drawn.shape
    image = Image.frombytes("L", (width, height), memoryview(drawn).tobytes())
    file = BytesIO()
    image.convert("RGB").save(file, name)
    return file.getvalue()


def _document(picture: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", "<w:t>Good day.</w:t>")
        package.writestr("word/media/image1.png", picture)
        package.writestr("word/vbaProject.bin", bytes(512))
    return file.getvalue()
