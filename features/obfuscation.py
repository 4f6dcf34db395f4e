"""Characters that a reader doesn't see, and words written in more than one alphabet."""

import re
from typing import Final, NamedTuple

__all__ = ["Obfuscation", "count_mixed_words", "read_obfuscation"]

_ZERO_WIDTH: Final = "\u034f\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"
# A run is searched for first: a look behind would be tried at each character.
_RUN = re.compile("[\u0334-\u0338\u180e\u200b\u200c\u2060-\u2064\u2066-\u206f\ufeff]+")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_SELECTORS = re.compile("[\U000e0000-\U000e01ef]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_READ_CHARS = 20_000

_SCRIPTS: Final = (  # first and last code point, script
    (0x0041, 0x024F, "L"),
    (0x0370, 0x03FF, "G"),
    (0x0400, 0x052F, "C"),
    (0x0530, 0x058F, "A"),
    (0x13A0, 0x13FF, "M"),  # Cherokee, read as Latin capitals
    (0x1D00, 0x1DBF, "M"),  # phonetic extensions
    (0x1E00, 0x1EFF, "L"),
    (0x1F00, 0x1FFF, "G"),
    (0x2100, 0x214F, "M"),  # letterlike symbols
    (0xA4D0, 0xA4FF, "M"),  # Lisu
    (0xFF21, 0xFF5A, "F"),  # full width: Latin in CJK text
    (0x1D400, 0x1D7FF, "M"),  # mathematical letters
    (0x1F100, 0x1F1FF, "M"),  # enclosed letters
)


class Obfuscation(NamedTuple):
    """Counts of characters and of distinct words."""

    zero_width: int
    zero_width_in_word: int
    mixed_script_words: int
    invisible_selectors: int


_NOTHING = Obfuscation(0, 0, 0, 0)


class _ScriptTable(dict[int, str]):
    """A table for str.translate: a letter's script, nothing for all else."""

    def __missing__(self, code: int) -> str:
        script = ""
        for first, last, name in _SCRIPTS:
            if first <= code <= last:
                script = name
                break
        self[code] = script
        return script


_TABLE = _ScriptTable()


def _is_latin1(text: str) -> bool:
    """Tell quickly that a text has nothing to count."""
    if text.isascii():
        return True
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def count_mixed_words(text: str) -> int:
    """Count distinct words of three letters or more in several scripts or in symbols' letters."""
    if _is_latin1(text):
        return 0
    pieces = {piece for piece in text.split() if not piece.isascii()}
    words = {word for piece in pieces for word in _WORD.findall(piece)}
    count = 0
    for word in words:
        scripts = set() if word.isascii() else set(word.translate(_TABLE))
        count += len(scripts) > 1 or "M" in scripts
    return count


def read_obfuscation(body: str, line: str) -> Obfuscation:
    """Count in the first 20,000 characters of the body; inside words also in `line`.

    `line` is subject and display name. Zero-width characters between Arabic or Indic letters are
    orthography, so `zero_width_in_word` counts runs between Latin letters only.
    """
    body = body[:_READ_CHARS]
    if _is_latin1(body) and _is_latin1(line):
        return _NOTHING
    both = f"{body}\n{line}"
    return Obfuscation(
        zero_width=sum(map(body.count, _ZERO_WIDTH)),
        zero_width_in_word=sum(
            _LATIN.match(both, run.start() - 1) is not None
            and _LATIN.match(both, run.end()) is not None
            for run in _RUN.finditer(both)
            if run.start() > 0
        ),
        mixed_script_words=count_mixed_words(body),
        invisible_selectors=len(_SELECTORS.findall(both)),
    )
