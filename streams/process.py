"""How a process of Weir starts, is told to stop and leaves, whatever it works on."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

import uvloop
from structlog.stdlib import BoundLogger

from detectors.policy import PolicyError
from detectors.weights import WeightsError
from models.manifest import ArtifactError
from streams import heap
from streams.app import App
from streams.health import Exposed, listening
from streams.logs import set_up_logs
from streams.settings import KeysError, Settings, SettingsError, load
from streams.stores.protocol import StoreError
from streams.topics import TopicError

__all__ = ["Exit", "Process", "failure_of", "is_assigned", "leave", "main", "run"]

_STORE_TRIES: Final = 5


class Exit(IntEnum):
    """Exit codes of a process."""

    OK = 0
    FAILED = 1
    SETTINGS = 2
    UNREACHABLE = 4
    SUPERSEDED = 69  # EX_UNAVAILABLE: another one has taken over; don't start it again
    STALLED = 75  # EX_TEMPFAIL: a new start is all it needs


class Process:
    """What worker, learner and hook do alike; `log` is theirs, so that lines name who speaks."""

    def __init__(
        self, role: Literal["worker", "learner", "hook"], settings: Settings, log: BoundLogger
    ) -> None:
        self._role = role
        self._settings = settings
        self._log = log
        self._stop_seconds = settings.worker.stop_seconds
        if role == "hook":  # it waits as long for what is in flight
            self._stop_seconds += settings.hook.deadline_seconds
        self._stop = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether nobody has asked it to stop."""
        return not self._stop.is_set()

    async def reach_store(self, ping: Callable[[], Awaitable[None]]) -> None:
        """Return when Redis answers; raises StoreError if it doesn't in some tries."""
        for attempt in range(_STORE_TRIES):
            try:
                await ping()
            except StoreError as error:
                if attempt == _STORE_TRIES - 1:
                    raise StoreError(
                        f"{error}; a {self._role} needs Redis to start: check redis.url, or "
                        "redis.host and redis.port"
                    ) from None
                await asyncio.sleep(self._settings.redis.breaker_seconds / 2)
            else:
                return

    def listening(
        self, metrics: Exposed, ready: Callable[[], Mapping[str, bool]]
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Answer on http.bind, if it is given, while the block runs; raises SettingsError."""
        return listening(self._settings.http.bind, metrics, ready, self._log)

    async def serve(
        self, app: App, watch: Callable[["asyncio.Task[bool | None]"], Awaitable[Exit]]
    ) -> Exit:
        """Run an app until `watch` returns; return only when it was asked to stop."""
        heap.settle()
        started = asyncio.create_task(app.start(), name="weir-app")
        code = await watch(started)
        if code is not Exit.OK:
            leave(code)  # a stop would wait for acks that don't come; what isn't acked comes again
        with contextlib.suppress(Exception):  # a broker that is away can't be told goodbye
            await app.stop()
        started.cancel()
        return code

    async def stopped_within(self, seconds: float) -> bool:
        """Wait for so long to be asked to stop; tell whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Stop in order at SIGTERM and SIGINT while the block runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop, number)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def died(self, error: BaseException) -> NoReturn:
        """End it at once: an orderly stop would wait for acks that can't come any more."""
        self._log.critical("batches_died", error=f"{type(error).__name__}: {error}")
        leave(Exit.FAILED)

    def _asked_to_stop(self, number: int) -> None:
        if self._stop.is_set():
            return
        self._log.info(f"{self._role}_stops", signal=signal.Signals(number).name)
        self._stop.set()
        # With the broker gone Faust may hang in its goodbyes; nothing is lost by leaving then.
        timer = threading.Timer(self._stop_seconds, leave, (Exit.FAILED,))
        timer.daemon = True
        timer.start()


def failure_of(app: App, started: "asyncio.Task[bool | None]") -> BaseException | None:
    """Return what an app crashed with, or its start; None while it runs."""
    return app.crash_reason or (
        started.exception() if started.done() and not started.cancelled() else None
    )


def is_assigned(app: App) -> bool:
    """Tell whether an app has partitions, and keeps them for now."""
    with contextlib.suppress(Exception):  # Faust raises until its consumer has started
        return bool(app.consumer.assignment()) and not app.rebalancing
    return False


def run(settings: Settings, work: Callable[[], Coroutine[Any, Any, Exit]]) -> int:
    """Do the work of a process in an event loop of its own; return its exit code."""
    set_up_logs(settings.log)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # Faust's threads make loops of it
    code = asyncio.run(work())
    logging.shutdown()
    return int(code)


def main(
    program: str, about: str | None, run: Callable[[Settings], int], arguments: Sequence[str] | None
) -> NoReturn:
    """Run `python -m PROGRAM --config FILE`, and exit with its code."""
    parser = argparse.ArgumentParser(prog=program, description=about)
    parser.add_argument("--config", type=Path, help="weir.toml; else WEIR_CONFIG, ./weir.toml")
    given = parser.parse_args(arguments)
    try:
        code = run(load(given.config, os.environ))
    except (SettingsError, KeysError, ArtifactError, PolicyError, WeightsError) as error:
        _refuse(str(error), Exit.SETTINGS)
    except (StoreError, TopicError) as error:
        _refuse(str(error), Exit.UNREACHABLE)
    except OSError as error:
        _refuse(f"{error.filename or ''}: {error.strerror or error}", Exit.SETTINGS)
    sys.exit(code)


def leave(code: Exit) -> NoReturn:
    """End the process at once, from whichever thread."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(int(code))


def _refuse(line: str, code: Exit) -> NoReturn:
    sys.stderr.write(f"weir: {line}\n")
    sys.exit(int(code))
