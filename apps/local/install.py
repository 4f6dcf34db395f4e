"""What the local stack needs on this machine, and how to get it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from apps.local import jars, java, redis_server
from apps.local.errors import StackError

_JAVA_PACKAGES = tuple(f"openjdk-{version}-jre-headless" for version in (17, 21, 25))


def missing() -> list[str]:
    """Return what isn't there, in words: Java, Maven (only to fetch Kafka's jars), Redis."""
    absent = []
    if java.find() is None:
        absent.append(f"Java {java.MINIMUM} or newer")
    if not jars.present() and shutil.which("mvn") is None:
        absent.append("Maven")
    if redis_server.find() is None:
        absent.append("redis-server")
    return absent


def can_install() -> bool:
    """Tell whether this process may install packages: root on Debian or one of its kin."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def docker_answers() -> bool:
    """Tell whether a container daemon answers and compose is there; a client alone is no use."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    checks = ([docker, "info"], [docker, "compose", "version"])
    return all(_succeeds(check) for check in checks)


def install(say: Callable[[str], None] = print) -> None:
    """Install what is missing with apt-get, saying so; do nothing if nothing is.

    Raises:
        StackError: it can't be installed from here; the message says what to do.
    """
    absent = missing()
    if not absent:
        return
    if not can_install():
        raise StackError(advice(absent))
    apt = str(shutil.which("apt-get"))
    say(f"Missing: {', '.join(absent)}. Running apt-get update.")
    _run([apt, "update", "-qq"])
    packages = _packages(absent)
    say(f"Installing with apt-get: {' '.join(packages)}")
    _run([apt, "install", "-y", "-qq", "--no-install-recommends", *packages])
    if still := missing():
        raise StackError(advice(still))


def advice(absent: list[str]) -> str:
    """Return one line that says what is missing and the ways to get it."""
    return (
        f"missing: {', '.join(absent)}. As root on Debian or Ubuntu: apt-get install "
        "openjdk-17-jre-headless maven redis-server; or run as root and it is done for you; "
        "or start Docker and use STACK=compose"
    )


def _packages(absent: list[str]) -> list[str]:
    packages = []
    for need in absent:
        if need.startswith("Java"):
            packages.append(_java_package())
        else:
            packages.append({"Maven": "maven"}.get(need, need))
    return packages


def _java_package() -> str:
    for package in _JAVA_PACKAGES:
        if _succeeds(["/usr/bin/apt-cache", "show", "--quiet", package]):
            return package
    return _JAVA_PACKAGES[0]


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - fixed command lines
            command, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - fixed command lines
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        what = Path(command[0]).name + " " + command[1]
        raise StackError(f"{what} failed: {done.stderr.strip() or done.stdout.strip()}")
