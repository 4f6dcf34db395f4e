"""The file of a local log: made, recognised and opened; nothing in it is ever changed.

A record is written once. Triggers hold that against every program that opens the file: none is
updated, and only what retention has given up (below its partition's beginning) is deleted.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

__all__ = ["FILE", "LogFileError", "connect", "make", "path_of", "sync", "translated"]

FILE: Final = "log.sqlite"
_APPLICATION: Final = 0x57656972  # "Weir", in SQLite's own header
_VERSION: Final = 1
_BUSY_SECONDS: Final = 5.0  # another process's transaction takes milliseconds
_WAL_BYTES: Final = 67_108_864
_WAL_PAGES: Final = 4_096  # 16 MiB: upkeep comes before it, off the path of who appends

_SCHEMA: Final = """
CREATE TABLE topic (
    name TEXT PRIMARY KEY, epoch TEXT NOT NULL, partitions INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL, record_bytes INTEGER NOT NULL
);
CREATE TABLE part (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL REFERENCES topic (name),
    number INTEGER NOT NULL, first INTEGER NOT NULL, following INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, UNIQUE (topic, number)
);
CREATE TABLE record (
    id INTEGER PRIMARY KEY, appended_ms INTEGER NOT NULL,
    key BLOB, value BLOB NOT NULL, headers BLOB NOT NULL
);
CREATE TRIGGER record_stays BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER record_kept BEFORE DELETE ON record
WHEN (OLD.id & 0xFFFFFFFFFF) >= (SELECT first FROM part WHERE id = OLD.id >> 40)
BEGIN SELECT RAISE(ABORT, 'only retention deletes records'); END;
CREATE TRIGGER part_grows BEFORE UPDATE ON part
WHEN NEW.id != OLD.id OR NEW.first < OLD.first OR NEW.following < OLD.following
    OR NEW.first > NEW.following
BEGIN SELECT RAISE(ABORT, 'offsets only rise'); END;
CREATE TRIGGER part_kept BEFORE DELETE ON part
BEGIN SELECT RAISE(ABORT, 'partitions are never deleted'); END;
"""


class LogFileError(KafkaError):  # type: ignore[misc]  # its base has no types
    """The local log can't be used: one line. Whoever reads either log handles it as a broker's."""

    retriable = True  # a full disk may have room again

    def __str__(self) -> str:
        """Return the line alone, without KafkaError's class name before it."""
        return str(self.args[0])


def path_of(folder: str) -> Path:
    """Return where the log lies in an installation's folder."""
    return Path(folder) / FILE


def make(folder: str) -> None:
    """Make an empty log, and its folder, where there is none: readable by its owner alone.

    Raises LogFileError.
    """
    path = path_of(folder)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None
    with translated(path):
        connection = _open(path)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            if _stamp(connection) == (0, 0) and not _tables(connection):
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                for statement in _statements():
                    connection.execute(statement)
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()


def connect(folder: str) -> sqlite3.Connection:
    """Open the log of a folder; raises LogFileError where it is missing, foreign or damaged.

    A commit is safe from this process's end, as with Kafka not from the machine's: that needs
    `sync`.
    """
    path = path_of(folder)
    if not path.is_file():
        raise _unusable(path, "there is none; `weir hook --embedded` makes it")
    with translated(path):
        connection = _open(path)
        try:
            _recognise(connection, path)
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        except BaseException:
            connection.close()
            raise
    return connection


def sync(folder: str) -> None:
    """Return when all that was appended is on the disk itself; raises OSError.

    What has left the write-ahead file was synced by SQLite. The file proper isn't opened here: to
    close it again would give up this process's locks on it.
    """
    path = path_of(folder)
    with suppress(FileNotFoundError):
        handle = os.open(path.with_name(f"{path.name}-wal"), os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Make one line about the log of whatever SQLite says."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from None


def _open(path: Path) -> sqlite3.Connection:
    # Each connection is one thread's at a time; which one may change.
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _stamp(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    application, version = _stamp(connection)
    if application != _APPLICATION:
        raise _unusable(path, "it is another program's database")
    if version != _VERSION:
        raise _unusable(path, f"its version is {version}; allowed: {_VERSION}")


def _tables(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(count)


def _statements() -> Iterator[str]:
    statement = ""
    for line in _SCHEMA.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _unusable(path: Path, why: str) -> LogFileError:
    return LogFileError(f"local log {str(path)!r}: {why}")
