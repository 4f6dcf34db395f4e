"""Where an archive lies: a folder, or storage that speaks S3, behind pyarrow's file systems.

A file comes into being whole or not at all and is never changed afterwards.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from pyarrow import fs  # type: ignore[import-untyped]  # no types

from streams.archive_section import names_keys
from streams.whole_file import write_whole

__all__ = ["ArchiveError", "Held", "Storage"]

_SCHEME: Final = re.compile(r"(?:archive:)?(?P<scheme>[a-z][a-z0-9]*)://")
_FILE_MODE: Final = 0o640  # less what the umask takes: others never read what mail says
_FOLDER_MODE: Final = 0o750


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
        if names_keys(self.url):  # addresses are told, logged and written into results
            raise ArchiveError(
                "archive: access keys stand in its address; they are read from the environment, as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
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

    def listed(self, folder: str, *, unfinished: bool = False) -> Iterator[Held]:
        """Yield the files below a folder: those that are whole, or those that aren't.

        Raises ArchiveError where the storage can't be read, or a symbolic link leads out of it; a
        missing folder has no files.
        """
        if self.local:
            self._without_links(folder)
        selector = fs.FileSelector(self.place(folder), recursive=True, allow_not_found=True)
        try:
            found = self.system.get_file_info(selector)
        except OSError as error:
            raise ArchiveError(f"{self.place(folder)}: {_line(error)}") from None
        for info in found:
            if info.type == fs.FileType.File and info.base_name.startswith(".") is unfinished:
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
        if self.local:
            self._inside(Path(self.place(path)).parent)
        try:
            self.system.delete_file(self.place(path))
        except FileNotFoundError:
            return
        except OSError as error:
            if self.system.get_file_info(self.place(path)).type == fs.FileType.NotFound:
                return
            raise ArchiveError(f"{self.place(path)}: {_line(error)}") from None

    def _without_links(self, folder: str) -> None:
        """Raise ArchiveError for a link: what is listed is swept, and that mustn't lead outside."""
        self._inside(Path(self.place(folder)))
        for parent, folders, files in os.walk(self.place(folder)):
            for each in (Path(parent, name) for name in (*folders, *files)):
                if each.is_symlink():
                    raise ArchiveError(f"{each}: a symbolic link, which no archive has; remove it")

    def _inside(self, folder: Path) -> None:
        if not folder.resolve().is_relative_to(Path(self.root).resolve()):
            raise ArchiveError(f"{folder}: leads out of the archive {self.url!r}")


def _write_whole(path: Path, content: bytes) -> None:
    _make_folders(path.parent)
    write_whole(path, content, mode=_FILE_MODE)


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it: `mkdir(parents=True)` would let all read those."""
    if not folder.exists():
        _make_folders(folder.parent)
        folder.mkdir(_FOLDER_MODE, exist_ok=True)


def _line(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())[:300]
