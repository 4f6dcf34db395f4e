"""What an MTA says over the milter protocol: its commands' letters, flags and payloads.

Nothing here raises for a payload of another form, save for a negotiation: an MTA gives the rest
of an SMTP session its default action once a milter has closed its connection.
"""

import ipaddress
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from apps.hook.milter.frames import FrameError
from apps.hook.milter.transaction import Offered, Path, Peer

__all__ = [
    "ABORT",
    "BODY",
    "CONNECT",
    "DATA",
    "END",
    "END_OF_HEADERS",
    "HEADER",
    "HELO",
    "MACROS",
    "MAIL",
    "NEGOTIATE",
    "QUIT",
    "QUIT_NEW_CONNECTION",
    "RECIPIENT",
    "UNKNOWN",
    "Actions",
    "Negotiated",
    "Steps",
    "negotiate",
    "read_header",
    "read_macros",
    "read_path",
    "read_peer",
]

ABORT = b"A"
BODY = b"B"
CONNECT = b"C"
MACROS = b"D"
END = b"E"
HELO = b"H"
QUIT_NEW_CONNECTION = b"K"
HEADER = b"L"
MAIL = b"M"
END_OF_HEADERS = b"N"
NEGOTIATE = b"O"
QUIT = b"Q"
RECIPIENT = b"R"
DATA = b"T"
UNKNOWN = b"U"

_OLDEST = 2
_NEWEST = 6
_PARAMETERS = 100  # more are the last one's bytes


class Actions(IntEnum):
    """Changes that an MTA lets a milter make (SMFIF_*)."""

    ADD_HEADERS = 0x01
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20


class Steps(IntEnum):
    """What we ask of an MTA: to wait for fewer replies (SMFIP_NR_*), and two habits.

    The reply to DATA is kept: it ends the wait of Nagle's algorithm for our delayed ACK on TCP.
    """

    NO_REPLY_HEADER = 0x80
    SKIP = 0x400  # the reply to a piece of body may be "send no more of it"
    NO_REPLY_CONNECT = 0x1000
    NO_REPLY_HELO = 0x2000
    NO_REPLY_MAIL = 0x4000
    NO_REPLY_RECIPIENT = 0x8000
    NO_REPLY_UNKNOWN = 0x20000
    NO_REPLY_END_OF_HEADERS = 0x40000
    NO_REPLY_BODY = 0x80000
    LEADING_SPACE = 0x100000  # header values come and go with the space after the colon


_NO_REPLY = {
    HEADER: Steps.NO_REPLY_HEADER,
    CONNECT: Steps.NO_REPLY_CONNECT,
    HELO: Steps.NO_REPLY_HELO,
    MAIL: Steps.NO_REPLY_MAIL,
    RECIPIENT: Steps.NO_REPLY_RECIPIENT,
    UNKNOWN: Steps.NO_REPLY_UNKNOWN,
    END_OF_HEADERS: Steps.NO_REPLY_END_OF_HEADERS,
    BODY: Steps.NO_REPLY_BODY,
}


class Negotiated(NamedTuple):
    """What both sides will do, none of it before they have agreed.

    `silent` are the commands that get no reply, `spaced` says whether header values come and go
    with the space after the colon, `skips` whether a body may be ended by the reply SKIP.
    """

    version: int = _NEWEST
    actions: int = 0
    steps: int = 0
    silent: frozenset[bytes] = frozenset()
    offered: Offered = Offered(add_headers=False, change_headers=False, quarantine=False)
    spaced: bool = False
    skips: bool = False

    def payload(self) -> bytes:
        """Return the payload of our own side of the negotiation."""
        return b"".join(n.to_bytes(4, "big") for n in (self.version, self.actions, self.steps))


def negotiate(payload: bytes) -> Negotiated:
    """Return what we take of an MTA's offer; nothing that isn't in it.

    Raises FrameError for an offer that is too short, or of a version below 2.
    """
    version = int.from_bytes(payload[:4], "big")
    if len(payload) < 12 or version < _OLDEST:
        raise FrameError(f"an offer of {len(payload)} bytes, version {version}")
    actions = int.from_bytes(payload[4:8], "big") & sum(Actions)
    steps = int.from_bytes(payload[8:12], "big") & sum(Steps)
    if steps & Steps.SKIP:  # it is a reply to BODY, so there must be one
        steps &= ~Steps.NO_REPLY_BODY
    return Negotiated(
        min(version, _NEWEST),
        actions,
        steps,
        frozenset(command for command, step in _NO_REPLY.items() if steps & step),
        Offered(
            bool(actions & Actions.ADD_HEADERS),
            bool(actions & Actions.CHANGE_HEADERS),
            bool(actions & Actions.QUARANTINE),
        ),
        bool(steps & Steps.LEADING_SPACE),
        bool(steps & Steps.SKIP),
    )


def read_peer(payload: bytes) -> Peer:
    """Return who connected: name, family (U, L, 4 or 6), and for the latter two port, address."""
    name, _, rest = payload.partition(b"\0")
    if rest[:1] not in {b"4", b"6"}:
        return Peer(name)
    text = rest[3:].partition(b"\0")[0].decode("ascii", "replace")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        return Peer(name)
    return Peer(name, address, int.from_bytes(rest[1:3], "big"))


def read_path(payload: bytes) -> Path:
    """Return the argument of MAIL or RCPT: `<address>`, then ESMTP parameters."""
    address, *parameters = payload.removesuffix(b"\0").split(b"\0", _PARAMETERS)
    if address.startswith(b"<") and address.endswith(b">"):
        address = address[1:-1]
    return Path(address, tuple(parameters))


def read_header(payload: bytes) -> tuple[bytes, bytes]:
    """Return name and value; a NUL ends either, as it does for MTAs."""
    name, _, rest = payload.partition(b"\0")
    return name, rest.partition(b"\0")[0]


def read_macros(payloads: Iterable[bytes]) -> dict[str, bytes]:
    """Return macros by their names without braces, those of later payloads before earlier ones."""
    macros = {}
    for payload in payloads:
        parts = payload.split(b"\0")
        for name, value in zip(parts[::2], parts[1::2], strict=False):
            macros[name.decode("ascii", "backslashreplace").strip("{}")] = value
    return macros
