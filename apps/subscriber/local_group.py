"""A consumer group of an embedded installation: its offsets, in a file beside the log."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from streams.local_log.file import LogFileError
from streams.whole_file import write_whole

__all__ = ["LocalGroup"]

_FOLDER: Final = "groups"
_DECODER: Final = msgspec.json.Decoder(dict[str, dict[int, int]])


class LocalGroup:
    """One program's membership of a group, held by a lock on a file that ends with the process.

    Blocks for as long as the disk takes; one thread at a time. Raises LogFileError where the files
    can't be used.
    """

    def __init__(self, folder: str, group: str) -> None:
        if not group or len(group) > 200 or any(c in group for c in "/\\\0") or group[0] == ".":
            raise LogFileError(f"group {group!r}: allowed: a file's name, not hidden")
        self._path = Path(folder) / _FOLDER / f"{group}.json"
        self._lock = -1

    def joined(self) -> bool:
        """Become the group's member if nobody is; return whether we are."""
        if self._lock >= 0:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    def committed(self) -> dict[TopicPartition, int]:
        """Return the offset to go on from of every partition that is known."""
        try:
            kept = _DECODER.decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            raise self._unusable(error) from None
        return {
            TopicPartition(topic, number): offset
            for topic, parts in kept.items()
            for number, offset in parts.items()
        }

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep from where to go on; does nothing where we aren't the member (any more)."""
        if self._lock < 0 or not offsets:
            return
        kept: dict[str, dict[int, int]] = {}
        for place, offset in {**self.committed(), **offsets}.items():
            kept.setdefault(place.topic, {})[place.partition] = offset
        try:
            write_whole(self._path, msgspec.json.encode(kept), mode=0o600)
        except OSError as error:
            raise self._unusable(error) from None

    def leave(self) -> None:
        """Let another program become the member."""
        handle, self._lock = self._lock, -1
        if handle >= 0:
            os.close(handle)

    def _unusable(self, error: Exception) -> LogFileError:
        return LogFileError(f"offsets of a group {str(self._path)!r}: {error}")
