"""A Redis server of our own on this machine; a system service is never touched."""

import shutil
import time
from pathlib import Path

import redis

from apps.local import ports
from apps.local.errors import StackError
from apps.local.server import Server

READY_SECONDS = 30.0


def find() -> str | None:
    """Return the path of `redis-server`, None if it isn't installed."""
    return shutil.which("redis-server")


class RedisServer(Server):
    """One Redis with its data in `directory`; it keeps its port over restarts.

    Args:
        directory: Where its data and log are.
        port: The preferred port; another is taken when it is in use.
        durable: Keep the data over restarts (append-only file), else lose it on every stop.
    """

    def __init__(self, directory: Path, *, port: int | None = None, durable: bool = False) -> None:
        super().__init__("Redis", directory)
        self._port = ports.choose(port)
        self._durable = durable

    @property
    def url(self) -> str:
        """The address of database 0."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers and has loaded its data.

        Raises:
            StackError: it isn't installed or doesn't come up.
        """
        program = find()
        if program is None:
            raise StackError("redis-server is missing: install the package `redis-server`")
        self._directory.mkdir(parents=True, exist_ok=True)
        command = [
            program,
            *("--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._directory)),
            *("--save", "", "--appendonly", "yes" if self._durable else "no"),
            # State that is evicted silently is a wrong verdict: full memory must be an error.
            *("--maxmemory", "1gb", "--maxmemory-policy", "noeviction"),
        ]
        self._launch(command)

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Return when the server answers PING.

        Raises:
            StackError: it ended, or did not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with redis.Redis("127.0.0.1", self._port, socket_timeout=1.0) as client:
            while time.monotonic() < deadline:
                if not self.process.running:
                    raise StackError(f"Redis ended while starting:\n{self.process.tail()}")
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise StackError(f"Redis did not answer within {timeout:.0f} s:\n{self.process.tail()}")
