"""The memory that a question may take, held by the system too.

DuckDB counts what it keeps, and not what it hands out: a row of a few gigabytes is made of Arrow's
memory, in batches of a thousand rows.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["bounded"]

_STATE: Final = Path("/proc/self/statm")  # not everywhere: elsewhere DuckDB's own bound is all
_DATA: Final = 5  # its field of data and stack, in pages (proc(5))
_UNITS: Final = {"M": 1_000_000, "G": 1_000_000_000}
_ROOM: Final = 256_000_000  # of programs' own, and what threads set aside


@contextmanager
def bounded(memory: str) -> Iterator[None]:
    """Let the process take at most twice `memory` ("2GB", "500MB") more than it has.

    Once for what DuckDB keeps, once for an answer on its way. What takes more fails as where there
    is no more memory.
    """
    try:
        held = int(_STATE.read_text(encoding="ascii").split()[_DATA]) * resource.getpagesize()
    except OSError:
        yield
        return
    number = memory.upper().rstrip("IB ")
    more = 2 * int(number[:-1]) * _UNITS[number[-1]] + _ROOM
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + more
    tighter = [each for each in (soft, hard, wanted) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(tighter), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
