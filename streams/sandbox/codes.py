"""Two-dimensional codes in pictures: what a phone's camera would read."""

from io import BytesIO
from typing import Final

import zxingcpp
from PIL import Image

__all__ = ["SMALLEST", "codes_in", "find_codes", "fits"]

SMALLEST = 40  # pixels each way: below it no camera reads a code
_PIXELS = 24_000_000  # a photo of a phone
_SIDE = 2_000  # pixels a picture is scaled down to: a code on a page stays readable
_CODES = 8
_REDUCED: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"})
_CODE_CHARS = 2_048
_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
_BARCODES: Final = zxingcpp.barcode_formats_from_str("QRCode,MicroQRCode,Aztec,DataMatrix")


def codes_in(content: bytes) -> tuple[tuple[str, ...], bool]:
    """Return what the codes of a picture say, and whether it was too large to look.

    Raises whatever Pillow raises for what is no picture.
    """
    # The size is in the header: nothing is decompressed for it.
    with Image.open(BytesIO(content), formats=_FORMATS) as image:
        if not fits(*image.size):
            return (), max(image.size) >= SMALLEST
        image.draft("L", (_SIDE, _SIDE))
        return find_codes(image), False


def fits(width: int, height: int) -> bool:
    """Tell whether a picture of this size is worth looking at, and may be decompressed."""
    return min(width, height) >= SMALLEST and width * height <= _PIXELS


def find_codes(image: Image.Image) -> tuple[str, ...]:
    """Return what the codes of a picture say, each once, in order of their text."""
    # Before its colours are turned over: a copy of a large picture is large too.
    by = max(image.size) // _SIDE
    grey = _on_white(image.reduce(by) if by > 1 and image.mode in _REDUCED else image)
    if max(grey.size) > _SIDE:
        grey.thumbnail((_SIDE, _SIDE))
    found = zxingcpp.read_barcodes(grey, formats=_BARCODES)
    return tuple(sorted({code.text[:_CODE_CHARS] for code in found if code.text}))[:_CODES]


def _on_white(image: Image.Image) -> Image.Image:
    """Return the picture in grey, its transparent parts white as on a page."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("L")
    colored = image.convert("RGBA")
    page = Image.new("RGBA", colored.size, "white")
    page.alpha_composite(colored)
    return page.convert("L")
