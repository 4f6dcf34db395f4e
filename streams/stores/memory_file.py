"""The memory store's file: what it keeps, checked when it is read, replaced as a whole."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from features.envelope import LogPosition
from features.rolling import LAYOUT_VERSION
from streams.stores.protocol import LayoutError
from streams.stores.rolling_memory import Kept

__all__ = ["Contents", "read_file", "write_file"]

_VERSION: Final = 1
_MAGIC: Final = f"weir-state {_VERSION} layout {LAYOUT_VERSION} ".encode()


class Contents(msgspec.Struct, kw_only=True):
    """What a memory store keeps; what expires has the seconds that it is still kept for."""

    state: Kept
    verdicts: list[tuple[LogPosition, float, bytes]]
    ids: list[tuple[str, float, LogPosition]]
    revisions: list[tuple[str, float, list[LogPosition]]]
    deliveries: list[tuple[str, float, LogPosition]]
    texts: list[tuple[str, float, LogPosition]]
    epochs: dict[str, str]
    policies: dict[str, bytes]
    missed: bool


def read_file(path: Path) -> Contents:
    """Return what a file has.

    Raises LayoutError, one line, if it isn't one, is damaged, or is of another version.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise LayoutError(f"state file {str(path)!r}: {error.strerror}") from None
    if not head.startswith(_MAGIC):
        raise LayoutError(
            f"state file {str(path)!r} begins with {head[:40]!r}; allowed: {_MAGIC.decode()!r}"
        )
    if head.removeprefix(_MAGIC) != hashlib.sha256(body).hexdigest().encode():
        raise LayoutError(f"state file {str(path)!r} is damaged: its digest is another")
    try:
        return msgspec.msgpack.decode(body, type=Contents)
    except msgspec.MsgspecError as error:
        raise LayoutError(f"state file {str(path)!r}: {error}") from None


def write_file(path: Path, contents: Contents) -> None:
    """Write a file, mode 0600, in place of the one there is; raises OSError if that fails."""
    body = msgspec.msgpack.encode(contents)
    digest = hashlib.sha256(body).hexdigest().encode()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(_MAGIC + digest + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
