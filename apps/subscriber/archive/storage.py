"""Where an archive lies: a folder, or storage that speaks S3, behind pyarrow's file systems.

A file comes into being whole or not at all and is never changed afterwards.
"""

import os
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from pyarrow import fs  # type: ignore[import-untyped]  # no types

__all__ = ["ArchiveError", "Held", "Storage"]

_SCHEME: Final = re.compile(r"(?:archive:)?(?P<scheme>[a-z][a-z0-9]*)://")


class ArchiveError(Exception):
    """An archive can't be read or written: one line that says what failed, and what is wanted."""


class Held(NamedTuple):
    """A file of the storage: its path below the archive, size in bytes, time of its last change."""

    path: str
    size: int
    changed: datetime | None


class Storage:
    """Files by their path below one root, `/` between folders.

    `url` is a folder, `file://...`, or `s3://BUCKET/PREFIX` (with `endpoint_override`, `region`
    and `scheme` as a query; access keys come from the environment, as AWS's tools read them);
    `archive:` may stand before it.
    """

    def __init__(self, url: str) -> None:
        self.url = url.removeprefix("archive:")
        if not self.url:
            raise ArchiveError("archive: no address given; wanted: a folder or s3://BUCKET/PREFIX")
        try:
            if _SCHEME.match(self.url):
                self.system, self.root = fs.FileSystem.from_uri(self.url)
            else:
                self.system, self.root = fs.LocalFileSystem(), str(Path(self.url).absolute())
        except (OSError, ValueError) as error:
            raise ArchiveError(f"archive {self.url!r}: {_line(error)}") from None

    @property
    def local(self) -> bool:
        """Whether the files lie in a folder of this machine."""
        return isinstance(self.system, fs.LocalFileSystem)

    def place(self, path: str) -> str:
        """Return the path as `system` takes it."""
        return f"{self.root}/{path}" if path else self.root

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raises FileNotFoundError, or ArchiveError for other failures."""
        try:
            with self.system.open_input_file(self.place(path)) as file:
                return bytes(file.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ArchiveError(f"{self.place(path)}: {_line(error)}") from None

    def write(self, path: str, content: bytes) -> None:
        """Write a file, whole or not at all, on the disk when this returns.

        Raises ArchiveError where that fails.
        """
        try:
            if self.local:
                _write_whole(Path(self.place(path)), content)
            else:
                with self.system.open_output_stream(self.place(path)) as file:
                    file.write(content)
        except OSError as error:
            raise ArchiveError(f"{self.place(path)}: {_line(error)}") from None

    def listed(self, folder: str) -> Iterator[Held]:
        """Yield the files below a folder, those that are being written left out.

        Raises ArchiveError where the storage can't be read; a missing folder has no files.
        """
        selector = fs.FileSelector(self.place(folder), recursive=True, allow_not_found=True)
        try:
            found = self.system.get_file_info(selector)
        except OSError as error:
            raise ArchiveError(f"{self.place(folder)}: {_line(error)}") from None
        for info in found:
            if info.type == fs.FileType.File and not info.base_name.startswith("."):
                path = info.path.removeprefix(self.root).lstrip("/")
                yield Held(path, int(info.size), info.mtime)

    def holds(self, path: str) -> bool:
        """Tell whether a file is there; raises ArchiveError."""
        try:
            found = self.system.get_file_info(self.place(path))
        except OSError as error:
            raise ArchiveError(f"{self.place(path)}: {_line(error)}") from None
        return bool(found.type == fs.FileType.File)

    def delete(self, path: str) -> None:
        """Delete a file; one that isn't there is deleted. Raises ArchiveError."""
        try:
            self.system.delete_file(self.place(path))
        except FileNotFoundError:
            return
        except OSError as error:
            if self.system.get_file_info(self.place(path)).type == fs.FileType.NotFound:
                return
            raise ArchiveError(f"{self.place(path)}: {_line(error)}") from None


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())[:300]
