"""How a person names a message: its id, a verdict's event, our token, or the Message-ID it has."""

import re
from typing import Final, NamedTuple

from streams.tokens import id_in

__all__ = ["Named", "named"]

_EVENT: Final = re.compile(r"(?P<id>.{1,128})\.(?:judged|fallback|revised\.[0-9]{1,9})", re.DOTALL)
_LONGEST: Final = 998  # a line of a header (RFC 5322)


class Named(NamedTuple):
    """The id that is meant, or may be meant, and the Message-ID ('' for what can't be one)."""

    id: str
    message_id: str = ""


def named(text: str) -> Named:
    """Return what a text names; ValueError where it is none of these by its length."""
    text = text.strip().removeprefix("X-Weir-Id:").strip()
    if not 0 < len(text) <= _LONGEST:
        raise ValueError(f"{len(text)} characters given, an id, a token or a Message-ID wanted")
    if token := id_in(text):
        return Named(token)
    if text.startswith("<") and text.endswith(">"):
        return Named("", text[1:-1])
    event = _EVENT.fullmatch(text)
    ident = event["id"] if event else text
    return Named(ident, text if "@" in text else "")
