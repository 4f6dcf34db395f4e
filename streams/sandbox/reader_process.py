"""The process that opens attachments: `python -m streams.sandbox.reader_process MIB SECONDS`.

It reads requests from standard input and writes answers to standard output, and can do nothing
else: no file and no socket can be opened, memory and processor time are bounded. Whatever breaks
it is over with it; its parent starts another.
"""

import logging
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import msgspec

from streams.sandbox.frames import LENGTH, READY, requests

warnings.simplefilter("ignore")  # of libraries, about the files they are given

from streams.sandbox.files import open_file  # noqa: E402 - warns while it is imported
from streams.sandbox.rehearsal import rehearse  # noqa: E402 - the same

__all__ = ["main"]

_MIB = 1 << 20
_STREAMS = 3  # standard input, output and error: the only descriptors there may be


def main() -> NoReturn:
    """Serve until standard input ends."""
    logging.disable(logging.CRITICAL)
    memory_mib, seconds = int(sys.argv[1]), int(sys.argv[2])
    rehearse()
    _confine(memory_mib)
    _write(READY)
    while True:
        head = _read(LENGTH.size)
        _allow(seconds)
        frame = _read(LENGTH.unpack(head)[0])
        # A reader that ran out of memory isn't asked again: what it holds is in no known state.
        _write(msgspec.msgpack.encode([open_file(one) for one in requests.decode(frame)]))


def _confine(memory_mib: int) -> None:
    """Take away what opening a file doesn't need; everything is imported by now."""
    most = _address_space() + memory_mib * _MIB
    for limit, value in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _STREAMS),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _allow(seconds: int) -> None:
    """Bound the processor time of one request: it ends even if the parent is dead."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _read(size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.read(0, min(size, _MIB))
        if not part:
            sys.exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(frame: bytes) -> None:
    rest = memoryview(LENGTH.pack(len(frame)) + frame)
    while rest:
        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
