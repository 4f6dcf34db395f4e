"""One hook to a folder: a second one would count the same mail again and write over the state."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.settings import SettingsError

__all__ = ["held"]


@contextmanager
def held(folder: str) -> Iterator[Path]:
    """Hold a folder, made where it is missing, while the block runs; the kernel lets go of it.

    Raises SettingsError, one line, where another process holds it or it can't be written.
    """
    path = Path(folder)
    said = f"embedded.folder = {folder!r}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(
            f"{said}: {error.strerror}; allowed: a folder that the hook may write"
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise SettingsError(
                f"{said}: the hook with process id {holder} uses it; allowed: one hook to a folder"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield path
    finally:
        os.close(handle)
