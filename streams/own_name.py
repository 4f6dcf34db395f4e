"""What a process calls itself, in records, claims and logs."""

import os
import socket

__all__ = ["own_name"]


def own_name() -> str:
    """Return host and process id: no two processes that run have the same."""
    return f"{socket.gethostname()}-{os.getpid()}"
