"""Requests of Postfix's policy protocol (SMTPD_POLICY_README), and the answers to them."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from apps.hook.plain_text import plain

__all__ = ["LONGEST", "MalformedError", "Request", "Requests", "answer"]

LONGEST: Final = 65_536
"""Bytes of the longest request: Postfix's own lines hold 2,048 (line_length_limit) each."""
_ATTRIBUTES: Final = 200
_KIND: Final = "smtpd_access_policy"
_TEXT: Final = 200  # characters of an action's text


class MalformedError(ValueError):
    """What came is no request: the connection can't be read any further."""


class Request(NamedTuple):
    """What Postfix says of a transaction; what it doesn't say is empty.

    `recipients` is the number that Postfix gives from DATA on, 0 before. `null_sender` tells the
    empty sender from one that isn't said (before MAIL).
    """

    state: str = ""
    instance: str = ""
    sender: str = ""
    null_sender: bool = False
    recipient: str = ""
    recipients: int = 0
    user: str = ""
    client: str = ""
    port: str = ""
    queue_id: str = ""


class Requests:
    """Cuts a connection's bytes into requests, however they are split."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0

    @property
    def is_empty(self) -> bool:
        """Whether no request is half read."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield the requests that are complete with `data`.

        Raises MalformedError for a line that is no attribute, one of more than 64 KiB, or a
        request of another kind.
        """
        self._buffer += data
        while (end := self._buffer.find(b"\n\n", max(0, self._looked - 1))) >= 0:
            if end > LONGEST:
                break
            text = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            self._looked = 0
            yield _request(text)
        self._looked = len(self._buffer)
        if self._looked > LONGEST:
            raise MalformedError(f"a request of more than {LONGEST} bytes")
        if self._buffer[:1] == b"\n":
            raise MalformedError("an empty request")


def _request(text: bytes) -> Request:
    lines = text.decode("utf-8", "backslashreplace").split("\n")
    if len(lines) > _ATTRIBUTES:
        raise MalformedError(f"more than {_ATTRIBUTES} attributes")
    said: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise MalformedError("a line that is no attribute")
        said[name] = value
    if said.get("request") != _KIND:
        raise MalformedError(f"no request={_KIND}")
    return _of(said)


def _of(said: Mapping[str, str]) -> Request:
    count = said.get("recipient_count", "")
    return Request(
        state=said.get("protocol_state", ""),
        instance=said.get("instance", ""),
        sender=said.get("sender", ""),
        null_sender=said.get("sender") == "",
        recipient=said.get("recipient", ""),
        recipients=int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 0,
        user=said.get("sasl_username", ""),
        client=said.get("client_address", ""),
        port=said.get("client_port", ""),
        queue_id=said.get("queue_id", ""),
    )


def answer(action: str, text: str = "") -> bytes:
    """Return the answer's bytes; text is cut to one line of printable ASCII."""
    said = plain(text)[:_TEXT].strip()
    return f"action={action}{' ' if said else ''}{said}\n\n".encode()
