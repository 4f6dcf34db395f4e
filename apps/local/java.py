"""Find a Java that runs Kafka."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

MINIMUM = 17
_VERSION = re.compile(r'version "(\d+)')


def _candidates() -> Iterator[str]:
    chosen = os.environ.get("JAVA_HOME")
    if chosen:
        yield str(Path(chosen) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    yield from sorted((str(p) for p in Path("/usr/lib/jvm").glob("*/bin/java")), reverse=True)


def major_version(java: str) -> int | None:
    """Return the major version of a `java` program, None if it doesn't run."""
    try:
        done = subprocess.run(  # noqa: S603 - a program found on this machine
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(done.stderr)
    return int(found[1]) if found else None


def find() -> str | None:
    """Return the first Java of version 17 or newer: `$JAVA_HOME`, the path, /usr/lib/jvm."""
    for java in _candidates():
        version = major_version(java)
        if version is not None and version >= MINIMUM:
            return java
    return None
