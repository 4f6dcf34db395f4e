"""One mail transaction as an MTA told it over the milter protocol, in bytes as they came."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Offered", "Path", "Peer", "Transaction"]


class Offered(NamedTuple):
    """Which changes to a message this MTA lets us make; others are left out silently."""

    add_headers: bool = True
    change_headers: bool = True
    quarantine: bool = True


class Peer(NamedTuple):
    """The SMTP client: `address` is IPv4 or IPv6 in text, None for a local or unknown one."""

    name: bytes = b""
    address: str | None = None
    port: int = 0


class Path(NamedTuple):
    """The argument of MAIL or RCPT without its angle brackets, and its ESMTP parameters."""

    address: bytes
    parameters: tuple[bytes, ...] = ()


class Transaction(NamedTuple):
    """A whole message with its envelope.

    `macros` are by their names without braces ("i", "auth_authen", "tls_version"); those of a
    later stage win. `headers` are (name, what follows the colon), lines folded by LF; `beyond` is
    how many more there are of the names that Limits has counted. `size` is the message's size in
    bytes as far as it is known, `cut` whether headers, body or recipients beyond the limits were
    left out (and then `size` may be too small: an MTA may have been told to send no more).
    """

    peer: Peer = Peer()
    helo: bytes | None = None
    sender: Path | None = None
    recipients: tuple[Path, ...] = ()
    macros: Mapping[str, bytes] = MappingProxyType({})
    headers: tuple[tuple[bytes, bytes], ...] = ()
    beyond: Mapping[bytes, int] = MappingProxyType({})
    body: bytes = b""
    size: int = 0
    cut: bool = False
    offered: Offered = Offered()

    def message(self) -> bytes:
        """Return the message as RFC 5322 bytes, line ends CRLF, as far as it wasn't cut."""
        lines = [name + b":" + value for name, value in self.headers]
        header = b"\n".join(lines).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return b"\r\n\r\n".join((header, self.body)) if lines else b"\r\n" + self.body
