"""Processes that never outlive the one that started them, not even when it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from apps.local import guard
from apps.local.errors import StackError

_TAIL_LINES = 15


class GuardedProcess:
    """A command under a guard (see `apps/local/guard.py`), with its output in a log file.

    Args:
        name: What messages call it.
        command: Program and arguments.
        log: File that its output is appended to.
        grace: Seconds between SIGTERM and SIGKILL when it is stopped.
        environment: Variables on top of this process's own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        grace: float = 15.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._grace = grace
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603 - a command of our own, no shell
                [sys.executable, "-I", "-S", guard.__file__, str(grace), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C on the terminal reaches us, and we stop it
            )
        assert self._guard.stdout is not None
        first = self._guard.stdout.readline()
        if not first:
            self.stop()
            raise StackError(f"{name} did not start: {self.tail()}")
        self.pid = int(first)

    @property
    def running(self) -> bool:
        """Whether the command is still there."""
        return self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, 128 + N if signal N ended it, None while it runs."""
        return self._guard.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and to every process of its group."""
        if self.running:
            os.killpg(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the command.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        code = self._guard.wait(timeout)
        self._close()
        return code

    def kill(self) -> None:
        """End the command at once (SIGKILL), as a crash would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """Stop the command: SIGTERM, then SIGKILL after the grace period; return its exit code."""
        self._close()
        return self._guard.wait()

    def tail(self) -> str:
        """Return the last lines of the log, for a message about a failure."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(lines) or "(it wrote nothing)"

    def _close(self) -> None:
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        """Hand itself to the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
