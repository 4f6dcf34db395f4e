"""Kafka's jars: resolved once by Maven, checked against their digests, kept in a folder."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from apps.local import layout
from apps.local.errors import StackError

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def _expected() -> dict[str, str]:
    lines = layout.resource("local/jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def folder() -> Path:
    """Return the folder of the jars; its name changes with the list of their digests."""
    digest = hashlib.sha256(layout.resource("local/jars.sha256").read_bytes()).hexdigest()
    return layout.home() / "kafka" / digest[:12]


def present() -> bool:
    """Tell whether the jars were resolved before."""
    return folder().is_dir()


def resolve() -> Path:
    """Return the folder with all jars, filling it with Maven the first time (43 MB).

    Raises:
        StackError: Maven failed, or brought other files than `docker/local/jars.sha256` lists.
    """
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                jars = Path(scratch) / "jars"
                _download(jars)
                _verify(jars)
                jars.rename(target)
    return target


def _download(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Maven is missing: it fetches Kafka once; install the package `maven`")
    done = subprocess.run(  # noqa: S603 - a fixed command line
        [
            maven,
            "--quiet",
            "--batch-mode",
            f"--file={layout.resource('local/pom.xml')}",
            _COPY,
            f"-DoutputDirectory={target}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        problem = (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
        raise StackError(f"Maven could not fetch Kafka: {problem}")


def _verify(jars: Path) -> None:
    expected = _expected()
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars.glob("*.jar")}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise StackError(
                f"{name} is not the file that docker/local/jars.sha256 names: "
                f"got {found.get(name, 'none')}, wanted {expected.get(name, 'none')}"
            )
