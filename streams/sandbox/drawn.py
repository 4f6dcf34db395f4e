"""Codes drawn with block characters: pictures to a camera, letters to whoever scans mail."""

import html
import re
from typing import Final

from PIL import Image

from features.opened import BLOCKS
from streams.sandbox.codes import find_codes

__all__ = ["codes_drawn"]

_LINES = 400
_COLUMNS = 400
_SCALE = 4  # pixels a module: a reader of codes wants some
_QUIET = 4  # modules of white around, which a code must have
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/pre)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
# Upper and lower half of a character's cell, black where true.
_HALVES: Final = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), "▓": (1, 1), "■": (1, 1)}
_HEIGHTS = (2, 1)  # of a line, in widths of a character: two for half blocks and doubled blocks


def codes_drawn(source: str) -> tuple[str, ...]:
    """Return what a code drawn in plain text or in HTML says; time is linear."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", source)))
    lines = [line.rstrip()[:_COLUMNS] for line in text.splitlines()]
    drawn = [line for line in lines if not BLOCKS.isdisjoint(line)][:_LINES]
    if not drawn:
        return ()
    for height in _HEIGHTS:
        codes = find_codes(_picture(drawn, height))
        if codes:
            return codes
    return ()


def _picture(lines: list[str], height: int) -> Image.Image:
    width = max(map(len, lines))
    image = Image.new("L", (width + 2 * _QUIET, height * len(lines) + 2 * _QUIET), "white")
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            for half, black in enumerate(_HALVES.get(char, ())[:height]):
                if black:
                    image.putpixel((column + _QUIET, height * row + half + _QUIET), 0)
    return image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.NEAREST)
