"""RFC 2047 encoded words and base64, read as leniently as mail readers do."""

import binascii
import re

from features.charsets import decode

__all__ = ["ENCODED_WORD", "decode_words", "lenient_base64"]

# Each run ends at the next "?", so that a failed match costs no more than the text it passed.
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BASE64_PIECES = 64
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def lenient_base64(data: bytes) -> tuple[bytes, str]:
    """Decode base64 (RFC 4648) despite foreign characters, missing or misplaced padding.

    Returns the bytes, and `base64_malformed` if the input was not clean, else ''.
    """
    clean = data.translate(None, b"\r\n\t ")
    try:
        return binascii.a2b_base64(clean, strict_mode=True), ""
    except binascii.Error:
        pass
    # The tolerant decoder stops at the first padding; mail readers go on behind it.
    pieces = [_unpadded_base64(piece) for piece in clean.split(b"=", _BASE64_PIECES)]
    return b"".join(pieces), "base64_malformed"


def _unpadded_base64(data: bytes) -> bytes:
    digits = data.translate(None, _NOT_BASE64)
    if len(digits) % 4 == 1:  # six bits are no byte
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def decode_words(text: str) -> str:
    """Decode the encoded words of an unfolded header value; other text stays as it is.

    Adjacent words join without the white space between them, and by their bytes if they share a
    charset (writers split characters). Line breaks that a word hides become blanks.
    """
    out: list[str] = []
    data: list[bytes] = []
    charset = ""
    last = 0
    for match in ENCODED_WORD.finditer(text):
        between = text[last : match.start()]
        adjacent = last > 0 and (not between or between.isspace())
        last = match.end()
        label = match[1].partition("*")[0].lower()  # RFC 2231, 5: a language tag may follow
        if data and (not adjacent or label != charset):
            out.append(_text(b"".join(data), charset))
            data.clear()
        if not adjacent:
            out.append(between)
        payload = match[3].encode("utf-8", "surrogateescape")
        data.append(
            lenient_base64(payload)[0]
            if match[2] in "bB"
            else binascii.a2b_qp(payload, header=True)
        )
        charset = label
    if data:
        out.append(_text(b"".join(data), charset))
    out.append(text[last:])
    return "".join(out)


def _text(data: bytes, charset: str) -> str:
    return decode(data, charset)[0].replace("\r", " ").replace("\n", " ")
