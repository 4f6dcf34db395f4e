"""Processes or containers: which stack this machine gets."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from apps.local import install, jars
from apps.local.compose import ComposeStack
from apps.local.errors import StackError
from apps.local.stack import LocalStack

Choice = Literal["auto", "local", "compose"]


def choose_stack(
    choice: Choice, directory: Path, say: Callable[[str], None]
) -> LocalStack | ComposeStack:
    """Return the stack to start, after installing what it lacks where that is possible.

    By itself ("auto") it takes processes if all they need is there or can be installed, else
    containers if a daemon answers.

    Raises:
        StackError: neither is possible; one line with what to install.
    """
    if choice == "compose":
        if not install.docker_answers():
            raise StackError(
                "STACK=compose: no Docker daemon with compose answers (docker info, "
                "docker compose version); start it, or take STACK=local"
            )
        return ComposeStack()
    wanting = bool(install.missing()) and not install.can_install()
    if choice == "auto" and wanting and install.docker_answers():
        say("Kafka and Redis run in containers here")
        return ComposeStack()
    install.install(say)
    if not jars.present():
        say("Fetching Kafka with Maven, once (43 MB)")
    return LocalStack(directory, durable=True, usual_ports=True)
