"""Text folded for comparison: confusable letters to ASCII, invisible characters dropped."""

import re
import unicodedata

from confusable_homoglyphs import confusables  # type: ignore[import-untyped]  # ships no types

__all__ = ["INVISIBLE", "fold", "words"]

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")

INVISIBLE = frozenset(
    map(
        chr,
        (
            0x00, 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0,
            *range(0x180B, 0x1810),  # Mongolian selectors
            *range(0x200B, 0x2010),  # zero width, directional marks
            *range(0x202A, 0x202F),  # directional embeddings and overrides
            *range(0x2060, 0x2070),  # joiners, invisible operators, isolates
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0000, 0xE01F0),  # tags, variation selectors supplement
        ),
    )
)  # fmt: skip
"""Characters that print nothing: they split words for machines and not for readers."""

# Letters that look like Latin ones, or that a phisher writes for them, beyond UTS 39.
_LOOKALIKES: dict[str, str] = dict(
    zip(
        "вкмнтгпиԍɡɑαεητυνικχωρο" "ßøłđıæœðþ",
        (*"bkmhtrnugga" "aehtuvikxwpo", "ss", "o", "l", "d", "i", "ae", "oe", "d", "th"),
        strict=True,
    )
)  # fmt: skip
_WHITE_ON_BLACK = (0x1F150, 0x1F170)  # A of circled and squared letters, without decomposition
_SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "
_CACHED = 65_536  # characters: hostile text may use every code point


class _Folding(dict[int, str]):
    """A table for str.translate that works each character out once."""

    def __missing__(self, code: int) -> str:
        folded = _fold_char(chr(code))
        if len(self) < _CACHED:
            self[code] = folded
        return folded


def _fold_char(char: str) -> str:
    if char in INVISIBLE or unicodedata.combining(char):
        return ""
    if char < "\x80":
        return char.lower()
    for first in _WHITE_ON_BLACK:
        if first <= ord(char) < first + 26:
            return chr(ord("a") + ord(char) - first)
    return (
        _letter_of(char.lower())
        or _letter_of(char)
        or unicodedata.normalize("NFC", _plain(char)).lower()
    )


def _letter_of(char: str) -> str:
    """Return the ASCII that a reader takes the (perhaps accented) letter for, else ''."""
    if char in _LOOKALIKES:
        return _LOOKALIKES[char]
    plain = _plain(char)
    if plain.isascii():
        return plain.lower()
    if plain in _LOOKALIKES:
        return _LOOKALIKES[plain]
    name = unicodedata.name(char[0], "")
    if name.startswith(_SMALL_CAPITAL) and len(name) == len(_SMALL_CAPITAL) + 1:
        return name[-1].lower()
    return _latin_lookalike(char)


def _plain(char: str) -> str:
    decomposed = unicodedata.normalize("NFKD", char)
    return "".join([part for part in decomposed if not unicodedata.combining(part)])


def _latin_lookalike(char: str) -> str:
    """Return the ASCII letter that UTS 39 lists as confusable with the letter, else ''."""
    if len(char) != 1 or not char.isalpha():
        return ""
    found = confusables.is_confusable(char, preferred_aliases=["latin"])
    for entry in found or ():
        for homoglyph in entry["homoglyphs"]:
            letter = str(homoglyph["c"])
            if len(letter) == 1 and letter.isascii() and letter.isalpha():
                return letter.lower()
    return ""


_TABLE = _Folding()


def fold(text: str) -> str:
    """Lower-case; accents, confusables (UTS 39) and invisible characters folded away.

    What has no ASCII look-alike stays, in its NFKD form without combining marks. Time is linear
    in the text; each character is worked out once a process.
    """
    if not text.isascii():
        text = _NOT_ASCII.sub(_fold_run, text)
    lowered = text.lower()
    return lowered.replace("\0", "") if "\0" in lowered else lowered


def _fold_run(run: re.Match[str]) -> str:
    return run[0].translate(_TABLE)


_SEPARATORS = re.compile(r"[^\x00-\x7f\w]+")  # beyond ASCII
_BLANKED = bytes([code if chr(code).isalnum() or code > 0x7F else 0x20 for code in range(256)])


def words(folded: str, limit: int) -> tuple[str, ...]:
    """Split folded text into its first `limit` words of letters and digits."""
    if not folded.isascii():
        folded = _SEPARATORS.sub(" ", folded)
    # Octets of a letter beyond ASCII are all above 0x7f, so this takes them for letters as well.
    found = folded.encode().translate(_BLANKED).decode().split(maxsplit=limit)
    return tuple(found if len(found) <= limit else found[:limit])
