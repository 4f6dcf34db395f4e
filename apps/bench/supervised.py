"""A process that is started again whenever it ends, as systemd or a container's runtime does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from apps.local.processes import GuardedProcess

__all__ = ["Supervised"]

_LOOK: Final = 0.05  # seconds
_PAUSE: Final = 0.5  # seconds between an end and the next start


class Supervised:
    """A module as a process; `starts` counts its starts, `exits` how it ended without a kill."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._module = module
        self._environment = environment
        self._log = log
        self._process = self._started()
        self._killed = False
        self.starts = 1
        self.exits: list[int] = []

    @classmethod
    @asynccontextmanager
    async def running(
        cls, module: str, environment: Mapping[str, str], log: Path
    ) -> AsyncIterator[Self]:
        """Keep the process running until the block is left; then stop it in order."""
        one = cls(module, environment, log)
        watching = asyncio.create_task(one._watch())
        try:
            yield one
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await asyncio.to_thread(one._process.stop)

    async def kill(self) -> None:
        """Kill the process with SIGKILL, or the next one where it has just ended."""
        while not self._process.running:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(_LOOK)
        self._killed = True
        await asyncio.to_thread(self._process.kill)

    def tail(self) -> str:
        """Return the last lines of the log."""
        return self._process.tail()

    def _started(self) -> GuardedProcess:
        command = [sys.executable, "-m", self._module]
        return GuardedProcess(self._module, command, self._log, environment=self._environment)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            code = self._process.exit_code
            if code is None:
                continue
            if not self._killed:
                self.exits.append(code)
            await asyncio.sleep(_PAUSE)
            self._killed = False
            self._process = await asyncio.to_thread(self._started)
            self.starts += 1
