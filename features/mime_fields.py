"""Content type, disposition and transfer encoding of a MIME entity (RFC 2045, 2183, 2231)."""

import binascii
import re
from collections.abc import Sequence
from email.utils import collapse_rfc2231_value, decode_params
from functools import lru_cache
from typing import Final

import msgspec

from features.encoded_words import lenient_base64
from features.header_block import decode_value

__all__ = ["MimeFields", "decode_transfer", "read_mime_fields"]

_LONGEST_FIELD = 4096  # characters: parameters beyond are not read
_PARAMETER = re.compile(r";\s*([^\s=;]+)\s*=\s*(?:\"([^\"]*)\"?|([^;]*))")
_MEDIA_TYPE = re.compile(r"[!-.0-~]+/[!-.0-~]+")
_IDENTITY: Final = frozenset({"", "7bit", "8bit", "binary"})
_BASE64: Final = frozenset({"base64", "b64", "x-base64"})
_UUENCODE: Final = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})


class MimeFields(msgspec.Struct, frozen=True, gc=False):
    """What an entity says about itself; texts are lower-case but for filename and boundary."""

    content_type: str
    charset: str
    boundary: str
    filename: str
    disposition: str
    transfer_encoding: str
    repeated: bool  # more than one Content-Type: readers differ in which one they follow


def read_mime_fields(fields: Sequence[tuple[str, str]], default_type: str) -> MimeFields:
    """Read the MIME fields out of an entity's header fields; the first of a name counts."""
    typed = disposed = encoded = ""
    types = 0
    for name, value in fields:
        if name[:8] != "content-":
            continue
        if name == "content-type":
            types += 1
            typed = typed or value
        elif name == "content-disposition":
            disposed = disposed or value
        elif name == "content-transfer-encoding":
            encoded = encoded or value
    media, parameters = _parse(typed)
    disposition, placement = _parse(disposed) if disposed else ("", {})
    filename = placement.get("filename") or parameters.get("name", "")
    return MimeFields(
        content_type=_media_type(media) or default_type,
        charset=parameters.get("charset", "").strip(" '\"").lower(),
        boundary=parameters.get("boundary", ""),
        filename=filename,
        disposition=disposition,
        transfer_encoding=_token(encoded),
        repeated=types > 1,
    )


def _token(value: str) -> str:
    return value.partition(";")[0].partition("(")[0].strip(" \t\r\n\"'").lower()


def _media_type(media: str) -> str:
    """RFC 2045, 5.2: what is no type/subtype is as if it weren't there."""
    if media.count("/") != 1:
        return ""
    return media if _MEDIA_TYPE.fullmatch(media) else ""


@lru_cache(maxsize=1024)
def _parse(field: str) -> tuple[str, dict[str, str]]:
    """Return a field's first token and its parameters, the first of a name, RFC 2231 decoded."""
    if ";" not in field:
        return _token(field), {}
    field = field[:_LONGEST_FIELD]
    found: dict[str, str] = {}
    extended: list[tuple[str, str]] = []
    for match in _PARAMETER.finditer(field):
        name = match[1].lower()
        value = match[2] if match[2] is not None else match[3].strip()
        if "*" in name:
            extended.append((name, value))
        else:
            found.setdefault(name, value)
    if extended:
        found = _rfc2231(extended) | found
    for name in ("filename", "name"):
        if name in found:
            found[name] = decode_value(found[name]).strip()
    return _token(field), found


def _rfc2231(extended: list[tuple[str, str]]) -> dict[str, str]:
    try:
        decoded = decode_params([("", ""), *extended])
        found = {
            name: _clean(collapse_rfc2231_value(value, errors="replace").strip('"'))
            for name, value in decoded[1:]
        }
    except (ValueError, LookupError, TypeError):  # section numbers and charsets are foreign input
        found = {}
    as_written = {name.partition("*")[0]: value for name, value in reversed(extended)}
    return as_written | found


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def decode_transfer(data: bytes, encoding: str) -> tuple[bytes, str]:
    """Undo a content transfer encoding; returns the bytes and what was odd, '' if nothing.

    Odd: `base64_malformed` (what could be read of it is kept), `transfer_encoding_unknown` (the
    bytes are kept as they are, as readers do).
    """
    if encoding in _IDENTITY:
        return data, ""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), ""
    if encoding in _BASE64:
        return lenient_base64(data)
    if encoding in _UUENCODE:
        return _uudecode(data)
    return data, "transfer_encoding_unknown"


def _uudecode(data: bytes) -> tuple[bytes, str]:
    begin = data.find(b"begin ")
    if begin < 0:
        return data, "uuencode_malformed"
    out: list[bytes] = []
    flag = ""
    for line in data[begin:].splitlines()[1:]:
        if line.strip() in {b"end", b"`", b""}:
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            flag = "uuencode_malformed"
            try:  # some writers pad lines with garbage (email.message does the same)
                length = (((line[0] - 32) & 63) * 4 + 5) // 3
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out), flag
