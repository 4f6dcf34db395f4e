"""What Kafka and Redis have in common here: a guarded process that is started, frozen, stopped."""

import signal
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from apps.local.errors import StackError
from apps.local.processes import GuardedProcess
from apps.local.started import Started

__all__ = ["Server"]


class Server(Started):
    """A server of our own with its data and log in `directory`.

    Args:
        name: What messages call it.
        directory: Where its data and log are.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self._name = name
        self._directory = directory
        self._process: GuardedProcess | None = None

    @property
    def process(self) -> GuardedProcess:
        """Its process.

        Raises:
            StackError: it was not started.
        """
        if self._process is None:
            raise StackError(f"{self._name} is not running: start it first")
        return self._process

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    @abstractmethod
    def wait_ready(self) -> None:
        """Return when it answers."""

    def stop(self) -> None:
        """Stop it as an administrator would; do nothing if it isn't running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.process.kill()
        self._process = None

    def pause(self) -> None:
        """Freeze it: it keeps its connections and answers nothing (SIGSTOP)."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a freeze."""
        self.process.signal(signal.SIGCONT)

    def _launch(self, command: Sequence[str]) -> None:
        """Start the process and wait until it answers; what doesn't come up is stopped."""
        self._process = GuardedProcess(
            self._name, list(command), self._directory / f"{self._name.lower()}.log"
        )
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
