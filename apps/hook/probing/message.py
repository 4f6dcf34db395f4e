"""The test message of `weir doctor`: a hook says of it what it lacks just now, and judges nothing.

    X-Weir-Probe: v1.<seconds since 1970>.<mac>

The mac is HMAC-SHA256 over what precedes it, cut to 96 bits. Only who has the installation's keys
can write one; it holds for five minutes, and for this message alone, in which nothing can be
said to anybody: whoever saw one could have no other mail accepted by it.
"""

import hmac
import re
from typing import Final

__all__ = ["is_test_message", "make_test_message"]

_HOLDS: Final = 300  # seconds, before and after: two hosts' clocks
_MAC_BYTES: Final = 12
_LONGEST: Final = 400
_DOMAIN: Final = b"weir-probe:"  # the key signs other things too
_REST: Final = (
    b"From: weir doctor <doctor@weir.invalid>\r\n"
    b"To: weir hook <hook@weir.invalid>\r\n"
    b"Subject: Is anybody there?\r\n\r\n"
)
_FORM: Final = re.compile(rb"X-Weir-Probe:(v1\.([0-9]{1,12}))\.([0-9a-f]{24})\n")


def make_test_message(key: bytes, now: float) -> bytes:
    """Return a test message, signed with an installation's `token_key` (seconds since 1970)."""
    said = b"v1.%d" % now
    return b"X-Weir-Probe: %s.%s\r\n%s" % (said, _mac(key, said), _REST)


def is_test_message(key: bytes, raw: bytes, now: float) -> bool:
    """Tell whether a message is one of ours; blanks behind colons and line ends don't matter."""
    if len(raw) > _LONGEST or not key:
        return False
    plain = _plain(raw)
    found = _FORM.match(plain)
    if found is None or plain[found.end() :] != _plain(_REST):
        return False
    said, seconds, mac = found.groups()
    return abs(now - int(seconds)) <= _HOLDS and hmac.compare_digest(_mac(key, said), mac)


def _plain(raw: bytes) -> bytes:
    """MTAs' protocols keep the blank behind a colon, or don't."""
    return raw.replace(b"\r\n", b"\n").replace(b": ", b":")


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + said, "sha256")[:_MAC_BYTES].hex().encode()
