"""The state of one MTA's connection: commands in, replies and whole transactions out; no I/O.

Commands are taken one after the other, as libmilter does, so that each reply is the one to its
command. A message's state ends with its answer, an ABORT, the next MAIL or a new connection.
"""

from typing import NamedTuple

from apps.hook.milter import commands
from apps.hook.milter.answer import Answer
from apps.hook.milter.commands import Negotiated
from apps.hook.milter.frames import frame
from apps.hook.milter.replies import CONTINUE, SKIP, encode
from apps.hook.milter.transaction import Path, Peer, Transaction

__all__ = ["Limits", "Session"]

_FIELD_ROOM = 64  # what a header field or recipient costs beside its bytes: many empty ones do too
_MACRO_BYTES = 65_536  # of one stage: what an MTA tells there is a few names and addresses
_OF_CONNECTION = frozenset({commands.CONNECT, commands.HELO})
_NEVER_ANSWERED = frozenset({commands.ABORT, commands.QUIT_NEW_CONNECTION})
_OF_ANOTHER_CLIENT = frozenset({commands.CONNECT, commands.QUIT_NEW_CONNECTION})
_BEGINS_ANEW = _NEVER_ANSWERED | _OF_ANOTHER_CLIENT | {commands.MAIL}
_STAGES = (
    commands.CONNECT,
    commands.HELO,
    commands.MAIL,
    commands.RECIPIENT,
    commands.DATA,
    commands.HEADER,
    commands.END_OF_HEADERS,
    commands.BODY,
    commands.END,
)


class Limits(NamedTuple):
    """Bounds on what one MTA may send; bytes and seconds.

    Of header fields beyond the bounds, those of the `counted` names (lower case) are counted.
    """

    frame_bytes: int = 1_048_576
    header_bytes: int = 1_048_576
    body_bytes: int = 4_000_000
    connections: int = 1_000
    idle_seconds: float = 7_200.0
    progress_seconds: float = 5.0
    counted: frozenset[bytes] = frozenset()


class Session:
    """One connection's state. `begun` says whether a message has begun and isn't answered."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._agreed = Negotiated()
        self._peer = Peer()
        self._helo: bytes | None = None
        self._macros: dict[bytes, bytes] = {}
        self._told: dict[bytes, bytes] = {}  # macros come before the command that they belong to
        self._sender: Path | None = None
        self._forget_message()

    def receive(self, command: bytes, payload: bytes) -> bytes | Transaction | None:
        """Take one command: the reply (b"" for none), or a whole message, or None at the end.

        After a message `answer` comes before the next command. Raises FrameError for a
        negotiation that can't be read.
        """
        if command == commands.MACROS:
            if payload[:1] in _STAGES and len(payload) <= _MACRO_BYTES:
                self._told[payload[:1]] = payload[1:]
            return b""
        told = self._told.pop(command, None)
        if command in _BEGINS_ANEW:
            self._forget_message()
            if command in _OF_ANOTHER_CLIENT:
                self._forget_client()
            if command in _NEVER_ANSWERED:
                return b""
        if told is not None:
            self._macros[command] = told
        elif command in self._macros:
            del self._macros[command]
        return self._take(command, payload)

    def _take(self, command: bytes, payload: bytes) -> bytes | Transaction | None:
        if command == commands.HEADER:  # the most frequent one comes first
            self._header(payload)
        elif command == commands.END:
            self._append(payload)
            return self._transaction()
        elif command == commands.QUIT:
            return None
        elif command == commands.NEGOTIATE:
            self._agreed = commands.negotiate(payload)
            return frame(commands.NEGOTIATE, self._agreed.payload())
        elif command == commands.BODY:
            if self._piece(payload):
                return SKIP
        else:
            self._envelope(command, payload)
        return b"" if command in self._agreed.silent else CONTINUE

    def answer(self, answer: Answer) -> bytes:
        """Return the frames that end the message; raises ValueError as replies.encode does."""
        encoded = encode(answer, self._agreed.offered, leading_space=self._agreed.spaced)
        self._forget_message()
        return encoded

    def _envelope(self, command: bytes, payload: bytes) -> None:
        if command == commands.CONNECT:
            self._peer = commands.read_peer(payload)
        elif command == commands.HELO:
            self._helo = payload.partition(b"\0")[0]
        elif command == commands.MAIL:
            self._sender = commands.read_path(payload)
            self.begun = True
        elif command == commands.RECIPIENT:
            self._recipient_bytes += len(payload) + _FIELD_ROOM
            if self._recipient_bytes > self._limits.header_bytes:
                self._cut = True
            else:
                self._recipients.append(commands.read_path(payload))

    def _header(self, payload: bytes) -> None:
        self.begun = True
        name, value = commands.read_header(payload)
        if not self._agreed.spaced:
            value = b" " + value
        self._size += len(name) + len(value) + 3  # the colon and CRLF
        self._header_bytes += len(payload) + _FIELD_ROOM
        if self._header_bytes > self._limits.header_bytes:
            self._cut = True
            key = name.strip().lower()
            if key in self._limits.counted:
                self._beyond[key] = self._beyond.get(key, 0) + 1
        else:
            self._headers.append((name, value))

    def _piece(self, payload: bytes) -> bool:
        """Whether the MTA can be told to send no more of the body."""
        self.begun = True
        self._append(payload)
        return self._agreed.skips and self._size_of_body > len(self._body)

    def _append(self, payload: bytes) -> None:
        room = self._limits.body_bytes - len(self._body)
        self._body += payload if len(payload) <= room else payload[:room]
        self._size_of_body += len(payload)

    def _transaction(self) -> Transaction:
        told = {**self._macros, **self._told}
        return Transaction(
            peer=self._peer,
            helo=self._helo,
            sender=self._sender,
            recipients=tuple(self._recipients),
            macros=commands.read_macros(told[stage] for stage in _STAGES if stage in told),
            headers=tuple(self._headers),
            beyond=self._beyond,
            body=bytes(self._body),
            size=self._size + 2 + self._size_of_body,
            cut=self._cut or self._size_of_body > len(self._body),
            offered=self._agreed.offered,
        )

    def _forget_message(self) -> None:
        self.begun = False
        self._sender = None
        self._recipients: list[Path] = []
        self._recipient_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._beyond: dict[bytes, int] = {}
        self._body = bytearray()
        self._size = 0
        self._size_of_body = 0
        self._cut = False
        self._told.clear()
        for stage in self._macros.keys() - _OF_CONNECTION:
            del self._macros[stage]

    def _forget_client(self) -> None:
        self._peer = Peer()
        self._helo = None
        self._macros.clear()
