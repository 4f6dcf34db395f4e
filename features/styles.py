"""Inline CSS as far as it decides whether a reader sees a text: what hides it, and its colours."""

import math
import re
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["BLACK", "UNKNOWN", "WHITE", "Color", "Style", "alike", "parse_color", "read_style"]

Color = tuple[int, int, int]
WHITE: Final[Color] = (255, 255, 255)
BLACK: Final[Color] = (0, 0, 0)
UNKNOWN: Final[Color] = (-1, -1, -1)  # a picture, a gradient, a name that isn't known

_ALIKE = 12  # the largest difference of a channel at which a reader sees no text
_STYLE_CHARS = 1_024
_NAMED: Final[dict[str, Color]] = {
    "aliceblue": (240, 248, 255),
    "black": BLACK,
    "floralwhite": (255, 250, 240),
    "ghostwhite": (248, 248, 255),
    "ivory": (255, 255, 240),
    "snow": (255, 250, 250),
    "white": WHITE,
    "whitesmoke": (245, 245, 245),
}
_OFF_SCREEN = -99.0  # px; negative margins of layouts are smaller
_DISTANCES = frozenset({"left", "margin-left", "text-indent", "top"})
_NUMBER = re.compile(r"[+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_EXTENTS = frozenset({"height", "max-height", "max-width", "width"})


class Style(NamedTuple):
    """What a style attribute says: text is hidden, and colours, None where it says nothing."""

    hides: bool
    color: Color | None
    background: Color | None


_EMPTY = Style(hides=False, color=None, background=None)


def alike(color: Color, background: Color) -> bool:
    """Tell whether text of that colour can't be told from its background."""
    if UNKNOWN in (color, background):
        return False
    red, green, blue = color
    return (
        abs(red - background[0]) <= _ALIKE
        and abs(green - background[1]) <= _ALIKE
        and abs(blue - background[2]) <= _ALIKE
    )


def parse_color(value: str) -> Color:
    """Read a colour (CSS Color 4: hex, rgb(), a few names; HTML's hex without #), else UNKNOWN."""
    # What is kept from message to message must be short.
    return _kept_color(value) if len(value) <= _STYLE_CHARS else _color(value)


def _color(value: str) -> Color:
    text = value.strip().lower()
    if text in _NAMED:
        return _NAMED[text]
    if text.startswith("rgb"):
        return _parse_rgb(text)
    digits = text.removeprefix("#")
    if not digits.isascii() or not digits.isalnum():
        return UNKNOWN
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in (6, 8):
        return UNKNOWN
    try:
        return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    except ValueError:
        return UNKNOWN


_kept_color = lru_cache(maxsize=4_096)(_color)


def _parse_rgb(text: str) -> Color:
    channels = text.partition("(")[2].partition(")")[0].replace(",", " ").split()
    if len(channels) < len(WHITE) or not all(c.isascii() and c.isdigit() for c in channels[:3]):
        return UNKNOWN
    red, green, blue = (min(255, int(channel[:4])) for channel in channels[:3])
    return red, green, blue


@lru_cache(maxsize=8_192)
def _read(style: str) -> Style:
    declared: dict[str, str] = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        declared[name.strip()] = value.replace("!important", "").strip()
    color = declared.get("color")
    return Style(
        hides=_hides(declared),
        color=parse_color(color) if color else None,
        background=_background(declared),
    )


def _background(declared: dict[str, str]) -> Color | None:
    picture = declared.get("background-image", "none")
    if picture not in ("none", "initial"):
        return UNKNOWN
    value = declared.get("background-color") or declared.get("background")
    return _parse_background(value) if value else None


def _parse_background(value: str) -> Color | None:
    if value in ("none", "transparent", "inherit", "initial", "unset"):
        return None
    if "url(" in value or "gradient" in value:
        return UNKNOWN
    color = parse_color(value)
    if color == UNKNOWN and " " in value and not value.startswith("rgb"):
        return parse_color(value.split(maxsplit=1)[0])
    return color


def _hides(declared: dict[str, str]) -> bool:
    if declared.get("display") == "none" or declared.get("visibility") in ("hidden", "collapse"):
        return True
    for name, value in declared.items():
        if name in ("font-size", "opacity"):
            if _is_tiny(value):
                return True
        elif name in _DISTANCES:
            if value.startswith("-") and _number(value) <= _OFF_SCREEN:
                return True
        elif name in _EXTENTS and declared.get("overflow") == "hidden" and _is_tiny(value):
            return True
    return False


def _is_tiny(value: str) -> bool:
    """0 of any unit, or at most one pixel or point."""
    number = _number(value)
    return number == 0 or (0 < number <= 1 and value.endswith(("px", "pt")))


def _number(value: str) -> float:
    """Return the number that a CSS value starts with; NaN where there is none."""
    match = _NUMBER.match(value)
    return float(match[0]) if match else math.nan


def read_style(style: str) -> Style:
    """Read a style attribute; what stands beyond 1,024 characters of it is left out."""
    return _read(style[:_STYLE_CHARS]) if style else _EMPTY
