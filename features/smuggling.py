"""HTML smuggling: a page that unpacks a file which stands in it, past whoever scans mail."""

from collections.abc import Iterator
from typing import Final

__all__ = ["smuggles"]

_READ = 262_144  # bytes
_LITERAL = 1_500  # characters of base64, hexadecimal or numbers in a row: a file, not a word
_NOT_LITERAL: Final = bytes(
    byte if chr(byte).isalnum() or byte in b"+/=%\\," else 32 for byte in range(256)
)
# Each alone unpacks or hands out a file that stands in the page.
_SURE: Final = (
    b"createobjecturl", b"mssaveoropenblob", b"new blob(", b"document.write(unescape",
    b"document.write(atob", b"eval(atob", b"eval(unescape", b"eval(decodeuri",
)  # fmt: skip
_DECODES: Final = (
    b"atob(", b"unescape(", b"fromcharcode", b"decodeuricomponent(", b"parseint(", b"textdecoder",
    b"uint8array",
)  # fmt: skip
_ACTS: Final = (
    b"document.write", b"innerhtml", b"eval(", b".click(", b".download", b"location",
    b"srcdoc", b"insertadjacenthtml", b"new function",
)  # fmt: skip


def smuggles(data: bytes) -> bool:
    """Tell whether a page unpacks content that stands in it as a literal; time is linear.

    A picture in a saved page is a literal too: what counts is one in a script that decodes it and
    puts it somewhere.
    """
    lowered = data[:_READ].lower()
    if any(word in lowered for word in _SURE):
        return True
    if not (any(w in lowered for w in _DECODES) and any(w in lowered for w in _ACTS)):
        return False
    runs = b" ".join(_scripts(lowered)).translate(_NOT_LITERAL).split()
    return max(map(len, runs), default=0) >= _LITERAL


def _scripts(lowered: bytes) -> Iterator[bytes]:
    at = lowered.find(b"<script")
    while at >= 0:
        end = lowered.find(b"</script", at)
        yield lowered[at : end if end >= 0 else len(lowered)]
        at = lowered.find(b"<script", end) if end >= 0 else -1
