"""The hook and what stands beside it in a benchmark: processes behind entrances of one Postfix."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.error import URLError
from urllib.request import urlopen

from apps.bench.machine import cpu_ms
from apps.bench.smtp_load import Mail
from apps.bench.traffic import Traffic
from apps.local.errors import StackError
from apps.local.ports import choose
from apps.local.postfix import Entrance, Postfix, new_folder
from apps.local.processes import GuardedProcess
from streams.wire import new_id

__all__ = ["Contender", "HookRun", "mail_of"]

_READY_SECONDS: Final = 60.0


class Contender(NamedTuple):
    """What answers at an entrance of Postfix: `processes` are those whose CPU time it takes."""

    name: str
    port: int
    processes: Mapping[str, GuardedProcess]

    def cpu_ms(self) -> dict[str, float]:
        """Return the CPU time that each process has used, in ms."""
        return {name: cpu_ms(process.pid) for name, process in self.processes.items()}


class HookRun:
    """A Postfix with an entrance for each contender: none, pass_through, kafka, embedded.

    `environment` is that of an installation with Kafka: its topics exist.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._sockets = new_folder()
        others = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
        self._environment = {**others, **environment}
        self._stack = ExitStack()
        self.apis = {name: choose() for name in ("kafka", "embedded")}
        self.processes: dict[str, GuardedProcess] = {}
        self.postfix = Postfix(
            [
                Entrance("none"),
                *(Entrance(name, milters=(self._socket(name),)) for name in _WITH_A_MILTER),
            ],
            folder=self._sockets,
        )

    @contextmanager
    def started(self) -> Iterator[Self]:
        """Start all; raises StackError where one doesn't come up."""
        with self._stack:
            self._start("worker", ["streams.worker"], {"WEIR_HTTP__BIND": ""})
            place = self._milter("pass_through")
            self._start("pass_through", ["apps.bench.pass_through_milter", place], {})
            for name, port in self.apis.items():
                more = {
                    "WEIR_MILTER__LISTEN": self._milter(name),
                    "WEIR_API__LISTEN": f"inet:127.0.0.1:{port}",
                }
                if name == "embedded":
                    more["WEIR_EMBEDDED__FOLDER"] = str(self._folder / "embedded")
                self._start(name, ["apps.hook.process"], more)
            self._stack.enter_context(self.postfix)
            for name, port in self.apis.items():
                self._wait_ready(self.processes[name], port)
            yield self

    def contender(self, name: str) -> Contender:
        """Return one by its name."""
        of = {"kafka": ("kafka", "worker"), "none": ()}.get(name, (name,))
        return Contender(name, self.postfix.port(name), {each: self.processes[each] for each in of})

    def _start(self, name: str, module: Sequence[str], more: Mapping[str, str]) -> None:
        process = GuardedProcess(
            name,
            [sys.executable, "-m", *module],
            self._folder / f"{name}.log",
            environment={**self._environment, **more},
        )
        self._stack.callback(process.stop)
        self.processes[name] = process

    def _wait_ready(self, process: GuardedProcess, port: int) -> None:
        until = time.monotonic() + _READY_SECONDS
        while not _answers(f"http://127.0.0.1:{port}/readyz"):
            if not process.running or time.monotonic() > until:
                raise StackError(f"{process.name} isn't ready: {process.tail()}")
            time.sleep(0.1)

    def _milter(self, name: str) -> str:
        return f"{self._socket(name)} mode=666"

    def _socket(self, name: str) -> str:
        return f"unix:{self._sockets}/{name}.sock"


def mail_of(traffic: Traffic, count: int) -> list[Mail]:
    """Return the next messages of a stream as SMTP carries them."""
    found = []
    for _ in range(count):
        envelope, raw = traffic.message(new_id())
        found.append(Mail(envelope.mail_from or "", envelope.rcpt_to, raw))
    return found


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - http, our own
            return True
    except (URLError, OSError):
        return False


_WITH_A_MILTER: Final = ("pass_through", "kafka", "embedded")
