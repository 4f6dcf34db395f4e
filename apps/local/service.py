"""A worker, a learner, a hook or the archive of the local stack, as a process of its own."""

import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from apps.local.errors import StackError
from apps.local.processes import GuardedProcess

READY_SECONDS = 90.0

_COMMANDS = {
    "worker": ("streams.worker",),
    "learner": ("streams.learner",),
    "hook": ("apps.hook.process",),
    "archive": ("apps.cli.main", "archive", "run"),
}


class Service:
    """`python -m MODULE ...` with the settings that `environment` points to.

    Args:
        name: "worker", "learner", "hook" or "archive".
        environment: Variables on top of this process's own, WEIR_CONFIG among them; they say
            that it answers HTTP on `http_port`.
        http_port: Where it answers /readyz.
        log: File for what it writes.
    """

    def __init__(
        self, name: str, environment: Mapping[str, str], http_port: int, log: Path
    ) -> None:
        self.name = name
        self._environment = environment
        self._http_port = http_port
        self._log = log
        self._process: GuardedProcess | None = None

    @property
    def ended(self) -> int | None:
        """The exit code where it ended by itself, None while it runs."""
        return None if self._process is None else self._process.exit_code

    def launch(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", *_COMMANDS[self.name]]
        self._process = GuardedProcess(
            f"the {self.name}", command, self._log, grace=25.0, environment=self._environment
        )

    def wait_ready(self) -> None:
        """Return when it says that it is ready.

        Raises:
            StackError: it ended or was not ready in time; with the end of its log.
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.ended is not None:
                raise StackError(self.failed(f"ended with code {self.ended}"))
            if self._ready():
                return
            time.sleep(0.1)
        raise StackError(self.failed(f"was not ready within {READY_SECONDS:.0f} s"))

    def stop(self) -> None:
        """Stop it in order; do nothing if it isn't running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def failed(self, what: str) -> str:
        """Return a message that says what happened, with the end of the log."""
        tail = "" if self._process is None else self._process.tail()
        return f"the {self.name} {what}; the end of {self._log}:\n{tail}"

    def _ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._http_port, timeout=2.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
