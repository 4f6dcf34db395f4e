"""A real Kafka broker on this machine, without containers: one KRaft node."""

import asyncio
import base64
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import ascii_letters
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # ships no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from apps.local import jars, java, layout, ports
from apps.local.errors import StackError
from apps.local.server import Server

READY_SECONDS = 60.0
# Interpreted and half-compiled code is enough for tests and starts in half the time.
_QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaServer(Server):
    """One broker with its data in `directory`; it keeps its ports over restarts.

    Args:
        directory: Where configuration, data and log of the broker are.
        port: The preferred port for clients; another is taken when it is in use.
        quick: Trade throughput for a fast start (not for benchmarks).
    """

    def __init__(self, directory: Path, *, port: int | None = None, quick: bool = True) -> None:
        super().__init__("Kafka", directory)
        self._port = ports.choose(port)
        self._controller_port = ports.choose()
        self._quick = quick

    @property
    def brokers(self) -> str:
        """The bootstrap address, `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Format the data folder if it is new, start the broker, wait until it answers.

        Raises:
            StackError: there is no Java 17, the jars can't be had, or the broker doesn't come up.
        """
        program = java.find()
        if program is None:
            raise StackError(
                f"no Java {java.MINIMUM} or newer found: "
                f"install openjdk-{java.MINIMUM}-jre-headless or set JAVA_HOME"
            )
        classpath = f"{jars.resolve()}/*"
        properties = self._configure()
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(program, classpath, properties)
        command = [
            program,
            "-Xmx384m",
            *(_QUICK_START if self._quick else ()),
            f"-Dlog4j2.configurationFile={layout.resource('local/log4j2.properties')}",
            *("-cp", classpath, "kafka.Kafka", str(properties)),
        ]
        self._launch(command)

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Return when the broker answers a metadata request.

        Raises:
            StackError: it ended, or did not answer within `timeout` seconds.
        """
        # In a thread of its own, so that it also works while an event loop runs in this one.
        with ThreadPoolExecutor(1) as thread:
            try:
                thread.submit(asyncio.run, self._wait_ready(timeout)).result()
            except KeyboardInterrupt:
                self.process.stop()  # the thread ends when it sees that the broker has
                raise

    async def _wait_ready(self, timeout: float) -> None:  # noqa: ASYNC109 - bounds several attempts
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.process.running:
                raise StackError(f"Kafka ended while starting:\n{self.process.tail()}")
            if ports.answers(self._port) and await self._has_metadata():
                return
            await asyncio.sleep(0.05)
        raise StackError(f"Kafka did not answer within {timeout:.0f} s:\n{self.process.tail()}")

    async def _has_metadata(self) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.brokers, request_timeout_ms=2000)
        try:
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()

    def _configure(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        text = layout.resource("local/server.properties").read_text()
        for name, value in (
            ("port", str(self._port)),
            ("controller_port", str(self._controller_port)),
            ("data", str(self._directory / "data")),
        ):
            text = text.replace("{" + name + "}", value)
        properties = self._directory / "server.properties"
        properties.write_text(text)
        return properties

    def _format(self, program: str, classpath: str, properties: Path) -> None:
        done = subprocess.run(  # noqa: S603 - a fixed command line
            [
                *(program, *_QUICK_START, "-cp", classpath, "kafka.tools.StorageTool"),
                *("format", "--cluster-id", _cluster_id(), "--config", str(properties)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"Kafka could not format its data folder: {done.stderr.strip()}")


def _cluster_id() -> str:
    """A random UUID as Kafka writes it: 22 characters of base64url, never a leading dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
        if text[0] in ascii_letters:
            return text
