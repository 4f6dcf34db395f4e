"""Listening sockets of the hook's faces: a Unix socket with its mode and group, or TCP."""

import contextlib
import errno
import shutil
import socket
import stat
from pathlib import Path

from apps.hook.addresses import Address
from streams.settings import SettingsError

__all__ = ["Listening", "listen"]

_BACKLOG = 1_024
_CONNECT_SECONDS = 1.0


class Listening:
    """A bound, listening, non-blocking socket; `close` removes the file that it made."""

    def __init__(self, address: Address, sock: socket.socket) -> None:
        self.socket = sock
        self._path = address.path
        self._made = _identity(address.path) if address.path is not None else None

    @property
    def port(self) -> int:
        """The TCP port in use, 0 for a Unix socket."""
        return 0 if self._path is not None else int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Close the socket. A file that another process put in its place stays."""
        self.socket.close()
        if self._path is not None and self._made == _identity(self._path):
            with contextlib.suppress(OSError):
                Path(self._path).unlink()
        self._path = None


def listen(address: Address, key: str) -> Listening:
    """Listen at an address that the setting `key` named.

    The file of a Unix socket that nobody answers at is replaced; it has its mode and group before
    the first client can connect. Raises SettingsError, one line that begins with `key`.
    """
    try:
        sock = _unix(address, address.path) if address.path is not None else _inet(address)
        return Listening(address, sock)
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            why = "in use by another process"
        raise SettingsError(f"{key}: can't listen at {address.text!r}: {why}") from None


def _unix(address: Address, path: str) -> socket.socket:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
    except BaseException:
        sock.close()
        raise
    try:
        if address.group is not None:
            shutil.chown(path, group=address.group)
        Path(path).chmod(address.mode)
        return _ready(sock)
    except BaseException as error:
        sock.close()
        Path(path).unlink(missing_ok=True)
        if isinstance(error, LookupError):
            raise OSError(0, f"there is no group {address.group!r}") from None
        if isinstance(error, PermissionError) and address.group is not None:
            why = f"group={address.group} is allowed to its members and root alone"
            raise OSError(0, why) from None
        raise


def _inet(address: Address) -> socket.socket:
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, place = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        return _ready(sock)
    except BaseException:
        sock.close()
        raise


def _ready(sock: socket.socket) -> socket.socket:
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    try:
        kind = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(0, "there is a file of that name that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
            return
        except TimeoutError:  # a full backlog: somebody is there
            pass
    raise OSError(errno.EADDRINUSE, "in use")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
