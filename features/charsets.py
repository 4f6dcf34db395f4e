"""Bytes to text under a declared charset: missing, wrong or hostile (RFC 2046, 4.1.2)."""

from encodings.aliases import aliases
from functools import lru_cache
from types import MappingProxyType
from typing import Final

__all__ = ["decode", "decode_undeclared"]

# A fixed table instead of codecs.lookup: the interpreter's look-up imports modules by a name that
# the message chose and caches every unknown one for ever. It also knows codecs that no mail
# reader has: utf_7 hides markup from filters, punycode takes quadratic time, unicode_escape lies.
_CODECS: Final = (  # noqa: SIM905 - a list of ninety lines shows less
    "utf_8 utf_16 utf_16_le utf_16_be utf_32 utf_32_le utf_32_be big5 big5hkscs cp037 cp437 cp775 "
    "cp850 cp852 cp855 cp857 cp862 cp864 cp866 cp874 cp932 cp949 cp950 cp1006 cp1250 cp1251 cp1252 "
    "cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 euc_jp euc_jis_2004 euc_kr gb18030 gb2312 gbk hz "
    "iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr "
    "latin_1 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 "
    "iso8859_10 iso8859_11 iso8859_13 iso8859_14 iso8859_15 iso8859_16 johab koi8_r koi8_t koi8_u "
    "mac_cyrillic mac_greek mac_latin2 mac_roman mac_turkish ptcp154 kz1048 shift_jis tis_620 ascii"
).split()
# Mail readers follow the WHATWG Encoding Standard: a label means the superset that is in use.
_SUPERSETS: Final = {
    "ascii": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_EXTRA_LABELS: Final = {
    "unicode11utf8": "utf_8",
    "unicode": "utf_16",
    "iso88598i": "iso8859_8",
    "iso88598e": "iso8859_8",
    "xsjis": "cp932",
    "windows31j": "cp932",
    "ksc56011987": "cp949",
    "windows949": "cp949",
    "xgbk": "gb18030",
    "xeuckr": "cp949",
    "xeucjp": "euc_jp",
    "xmaccyrillic": "mac_cyrillic",
    "utf8mb4": "utf_8",
    "windows874": "cp874",
    "dos874": "cp874",
}
# Seven-bit encodings of other alphabets: ASCII bytes alone don't mean ASCII text there.
_STATEFUL: Final = frozenset(
    name for name in _CODECS if name.startswith(("iso2022", "hz", "utf_16", "utf_32", "cp037"))
)
_WIDE: Final = frozenset(name for name in _CODECS if name.startswith(("utf_16", "utf_32")))
_TAIL = 8  # bytes: a character that a cut at the end split is dropped, not taken for a lie
_REFUSED: Final = frozenset({"utf7", "unicode11utf7", "csunicode11utf7", "xunicode20utf7"})


@lru_cache(maxsize=1024)
def _squeeze(label: str) -> str:
    return "".join([char for char in label.lower() if char.isalnum()])


def _labels() -> MappingProxyType[str, str]:
    known = {name: _SUPERSETS.get(name, name) for name in _CODECS}
    table = {_squeeze(name): codec for name, codec in known.items()}
    for alias, name in aliases.items():
        if name in known:
            table[_squeeze(alias)] = known[name]
    for code in range(1250, 1259):
        table[f"windows{code}"] = f"cp{code}"
    for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16):
        table[f"iso8859{part}"] = f"iso8859_{part}"
    table.update(_EXTRA_LABELS)
    return MappingProxyType(table)


_LABELS: Final = _labels()
_LONGEST_LABEL = 40


def decode(data: bytes, charset: str) -> tuple[str, str]:
    """Decode `data` as a mail reader would; never raises and never gives surrogates.

    Returns the text and what was odd, '' if nothing: `charset_missing` (8-bit bytes and no
    charset), `charset_unknown`, `charset_refused` (utf-7), `charset_wrong` (the bytes are not
    what the label says). Without a usable label: UTF-8 if valid, else windows-1252.
    """
    label = _squeeze(charset) if len(charset) <= _LONGEST_LABEL else ""
    codec = _LABELS.get(label, "")
    if data.isascii() and (codec not in _STATEFUL or (codec in _WIDE and b"\0" not in data)):
        odd = "charset_refused" if label in _REFUSED else "charset_wrong" if codec in _WIDE else ""
        return data.decode("ascii"), odd
    if codec == "utf_8":
        return _utf8(data)
    if codec == "cp1252":
        return _western(data)
    if codec:
        return _declared(data, codec)
    odd = "charset_missing" if not charset else "charset_unknown"
    return decode_undeclared(data), "charset_refused" if label in _REFUSED else odd


def decode_undeclared(data: bytes) -> str:
    """Decode bytes that no charset was declared for: UTF-8 if valid, else windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _cp1252(data)


def _declared(data: bytes, codec: str) -> tuple[str, str]:
    try:
        return data.decode(codec), ""
    except UnicodeDecodeError as error:
        start = error.start
    except UnicodeError:  # hz and utf-16 raise the bare kind for a broken start
        start = 0
    if 0 < len(data) - start <= _TAIL:
        try:
            return data[:start].decode(codec), ""
        except UnicodeError:
            pass
    if codec in _STATEFUL or codec.startswith(("gb", "euc", "cp9", "big5")):
        try:
            return data.decode("utf-8"), "charset_wrong"
        except UnicodeDecodeError:
            return data.decode(codec, "replace"), "charset_wrong"
    return decode_undeclared(data), "charset_wrong"


def _utf8(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8"), ""
    text = data.decode("utf-8", "replace")
    replaced = text.count("�")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    if replaced * 2 > beyond_ascii:  # more broken than sound: not UTF-8 at all
        return _cp1252(data), "charset_wrong"
    return text, "charset_wrong"


def _western(data: bytes) -> tuple[str, str]:
    """Bytes beyond ASCII that happen to be valid UTF-8 are UTF-8 under a wrong label."""
    try:
        return data.decode("utf-8"), "charset_wrong"
    except UnicodeDecodeError:
        return _cp1252(data), ""


def _cp1252(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes are unassigned there; latin-1 has them all
        return data.decode("latin-1")
