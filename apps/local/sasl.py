"""Passwords of a submission service: a server of Dovecot's authentication protocol.

Postfix speaks this protocol by itself (smtpd_sasl_type = dovecot), so that mail of authenticated
users can be shown and tested with no further package. Version 1 of
https://doc.dovecot.org/main/developers/design/auth_protocol.html, mechanism PLAIN (RFC 4616).
"""

import base64
import binascii
import hmac
import os
import secrets
import socketserver
import threading
from collections.abc import Mapping
from pathlib import Path

__all__ = ["SaslServer"]

_LINE = 8192  # bytes of the longest line that a client may send
_GREETING = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t{pid}\nCUID\t1\nCOOKIE\t{cookie}\nDONE\n"


class _Connection(socketserver.StreamRequestHandler):
    server: "_Listener"

    def handle(self) -> None:
        """Greet, then answer each request in the order of their coming."""
        greeting = _GREETING.format(pid=os.getpid(), cookie=secrets.token_hex(16))
        self.wfile.write(greeting.encode())
        while line := self.rfile.readline(_LINE):
            command, *fields = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if command == "AUTH" and fields:
                self.wfile.write(self._answer(fields[0], fields[1:]).encode())

    def _answer(self, request: str, fields: list[str]) -> str:
        response = next((f[5:] for f in fields if f.startswith("resp=")), "")
        try:
            _, user, password = base64.b64decode(response, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return f"FAIL\t{request}\treason=not a response of PLAIN\n"
        expected = self.server.users.get(user, "")
        if expected and hmac.compare_digest(expected.encode(), password.encode()):
            return f"OK\t{request}\tuser={user}\n"
        return f"FAIL\t{request}\tuser={user}\n"


class _Listener(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    users: Mapping[str, str]


class SaslServer:
    """Answers on a Unix socket whether a user's password is right, until it is closed.

    Args:
        path: The socket; every user of the machine may connect.
        users: Passwords by user name; an empty one is nobody's.
    """

    def __init__(self, path: Path, users: Mapping[str, str]) -> None:
        self._listener = _Listener(str(path), _Connection)
        self._listener.users = dict(users)
        path.chmod(0o666)
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown()
        self._listener.server_close()
