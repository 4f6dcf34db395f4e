"""A checkpoint beside a result: what a stopped run has found, and where to go on."""

from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from streams.whole_file import write_whole

__all__ = ["Checkpoint", "CheckpointError"]

_T = TypeVar("_T")
_SUFFIX: Final = ".checkpoint"


class CheckpointError(ValueError):
    """A checkpoint can't be gone on from: one line that says why."""


class _Kept(msgspec.Struct):
    asked: str
    mark: dict[str, Any]
    found: msgspec.Raw


class Checkpoint(Generic[_T]):
    """Keeps what was found so far, of a type that msgspec knows, in OUT.checkpoint.

    `asked` says in one line what the run is of: another one must not go on from it.
    """

    def __init__(self, out: Path, asked: str, kind: type[_T]) -> None:
        self._path = out.with_name(out.name + _SUFFIX)
        self._asked = asked
        self._kind = kind

    def read(self) -> tuple[dict[str, Any], _T] | None:
        """Return the mark and what was found up to it, None where there is no checkpoint.

        Raises CheckpointError for one of another run or that isn't readable, OSError.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            kept = msgspec.json.decode(content, type=_Kept)
            found = msgspec.json.decode(kept.found, type=self._kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CheckpointError(
                f"{self._path}: isn't readable ({error}); run again without --resume"
            ) from None
        if kept.asked != self._asked:
            raise CheckpointError(
                f"{self._path}: is of {kept.asked}, not of {self._asked}; run again without "
                "--resume, or with another --out"
            )
        return kept.mark, found

    def write(self, mark: dict[str, Any], found: _T) -> None:
        """Keep what was found up to a mark, whole or not at all; raises OSError."""
        kept = _Kept(self._asked, mark, msgspec.Raw(msgspec.json.encode(found)))
        write_whole(self._path, msgspec.json.encode(kept))

    def done(self) -> None:
        """Take the checkpoint away: the run is complete; raises OSError."""
        self._path.unlink(missing_ok=True)
