"""Kafka and Redis as containers of docker/compose.yaml, where they can't run as processes."""

import os
import shutil
import subprocess

from apps.local import layout, ports
from apps.local.errors import StackError
from apps.local.stack import KAFKA_PORT, REDIS_PORT
from apps.local.started import Started

_SERVICES = ("kafka", "redis")


class ComposeStack(Started):
    """The same face as LocalStack; data stays in the containers' volumes.

    Containers belong to the daemon: they are stopped on leaving the block, but outlive a process
    that is killed.
    """

    def __init__(self) -> None:
        self._kafka_port = ports.choose(KAFKA_PORT)
        self._redis_port = ports.choose(REDIS_PORT)

    @property
    def brokers(self) -> str:
        """Kafka's bootstrap address."""
        return f"127.0.0.1:{self._kafka_port}"

    @property
    def redis_url(self) -> str:
        """Redis's address."""
        return f"redis://127.0.0.1:{self._redis_port}/0"

    def start(self) -> None:
        """Bring both up and wait until they are healthy.

        Raises:
            StackError: docker or compose failed; with its own words.
        """
        self._compose("up", "--detach", "--wait", *_SERVICES)

    def stop(self) -> None:
        """Stop both containers."""
        self._compose("stop", *_SERVICES)

    def _compose(self, *arguments: str) -> None:
        docker = shutil.which("docker")
        if docker is None:
            raise StackError("STACK=compose needs Docker: install it, or take STACK=local")
        done = subprocess.run(  # noqa: S603 - a fixed command line
            [docker, "compose", "--file", str(layout.resource("compose.yaml")), *arguments],
            env={
                **os.environ,
                "WEIR_STACK_KAFKA_PORT": str(self._kafka_port),
                "WEIR_STACK_REDIS_PORT": str(self._redis_port),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"docker compose {arguments[0]}: {done.stderr.strip()}")
