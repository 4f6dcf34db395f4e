"""Free TCP ports on the loopback interface."""

import secrets
import socket

# Below the range from which systems draw outgoing ports (32768 on Linux, 49152 on macOS): a port of
# that range can be taken by any client while a server restarts, even by a client that connects to
# itself while it retries.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether something accepts connections on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def choose(preferred: int | None = None) -> int:
    """Return `preferred` if it is free, else a free port outside the range of outgoing ones.

    Raises:
        OSError: no free port was found.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if is_free(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1")
