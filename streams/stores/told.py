"""What an embedded installation tells other processes: an SQLite file beside its local log.

The state of an embedded installation is in its one process's memory. `weir label` and its like are
other processes; what they ask of the state is written here too, as it changes: which message has
which id and Message-ID, what was heard of it, how far each label has come. It is told for them and
decides nothing: whatever counts is in the state, and what is lost here is told no more.

Beside that it keeps up to where labels were handled, as a consumer group's offset in Kafka. Where
that is lost they are handled again from the last publish marker's: that counts and teaches nothing
twice, but executes an operator's commands again.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from streams.settings import Settings
from streams.stores import message_index
from streams.stores.label_state import LabelChange, LabelRecord
from streams.stores.protocol import Keeping, Mention, StoreError

__all__ = ["Told", "told_path"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, hash BLOB, entry BLOB, at REAL);
CREATE INDEX IF NOT EXISTS messages_by_hash ON messages (hash);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (at);
CREATE TABLE IF NOT EXISTS labelled (id TEXT PRIMARY KEY, record BLOB, at REAL);
CREATE TABLE IF NOT EXISTS labels (id TEXT PRIMARY KEY, message TEXT, at REAL);
CREATE TABLE IF NOT EXISTS stages (
  label TEXT, stage TEXT, passed REAL, detail TEXT, at REAL, PRIMARY KEY (label, stage));
CREATE TABLE IF NOT EXISTS handled (topic TEXT PRIMARY KEY, epoch TEXT, place INTEGER);
"""
_HOUR: Final = 3600.0
_WAIT: Final = 5.0  # seconds for another process's write
_SWEEP: Final = 4096  # writes between sweeps of what has expired
_ASKED: Final = 500  # values in one question
_RECORD: Final = msgspec.msgpack.Decoder(LabelRecord)
_encode: Final = msgspec.msgpack.Encoder().encode

log = structlog.get_logger(__name__)


def told_path(settings: Settings) -> Path:
    """Return the file of an embedded installation."""
    return Path(settings.embedded.folder) / "told.sqlite"


class Told:
    """The file, opened. Reading raises StoreError, in one line; a failed write is logged.

    Messages are known for 3 days, what is about labels as long as their topic keeps them. `clock`
    gives epoch seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._path = told_path(settings)
        self._clock = clock
        self._label_seconds = settings.topics.labels_hours * _HOUR
        self._writes = 0
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Closing a file that SQLite has open here would drop its locks: only a new one is.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._file = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")  # a commit waits for no disk
            self._file.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def judged(self, kept: Sequence[Keeping]) -> None:
        """Remember messages by id and by Message-ID's keyed hash; the first of an id stays."""
        now = self._clock()
        self._write(
            "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)",
            [
                (it.id, it.message_id or None, message_index.written(it), now)
                for it in kept
                if it.id
            ],
        )

    def messages(self, ids: Sequence[str]) -> dict[str, Mention]:
        """Return what is known of messages, by id."""
        return {
            ident: message_index.read(entry)
            for ident, entry in self._asked("SELECT id, entry FROM messages WHERE id IN", ids)
        }

    def mentioned(self, hashes: Sequence[bytes]) -> dict[bytes, Mention]:
        """Return what is known of messages, by Message-ID's keyed hash: the first of each."""
        found: dict[bytes, Mention] = {}
        asked = self._asked("SELECT hash, entry FROM messages WHERE hash IN", hashes, "ORDER BY at")
        for known, entry in asked:
            found.setdefault(known, message_index.read(entry))
        return found

    def heard(self, change: LabelChange) -> None:
        """Keep labelled messages as a change leaves them."""
        now = self._clock()
        self._write(
            "INSERT OR REPLACE INTO labelled VALUES (?, ?, ?)",
            [(record.message, _encode(record), now) for record in change.labelled],
        )
        self._write(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?)",
            [(label, message, now) for label, message in change.labels.items()],
        )

    def labelled(self, messages: Sequence[str]) -> dict[str, LabelRecord]:
        """Return labelled messages by their ids."""
        found = self._asked("SELECT id, record FROM labelled WHERE id IN", messages)
        return {ident: _RECORD.decode(record) for ident, record in found}

    def every_labelled(self) -> Iterator[LabelRecord]:
        """Yield every labelled message."""
        last = ""
        while True:
            rows = self._ask(
                "SELECT id, record FROM labelled WHERE id > ? ORDER BY id LIMIT ?", (last, _ASKED)
            )
            for _, record in rows:
                yield _RECORD.decode(record)
            if len(rows) < _ASKED:
                return
            last = rows[-1][0]

    def messages_of(self, labels: Sequence[str]) -> dict[str, str]:
        """Return the id of the message that each label is of, as far as known."""
        return dict(self._asked("SELECT id, message FROM labels WHERE id IN", labels))

    def begins(self, labels: Iterable[str]) -> None:
        """Forget the stages of labels: they come again."""
        self._write("DELETE FROM stages WHERE label = ?", [(label,) for label in labels])

    def passed(self, stages: Iterable[tuple[str, str, float, str]]) -> None:
        """Note stages of labels: label, stage, when (epoch seconds), detail."""
        now = self._clock()
        self._write(
            "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?)",
            [(*stage, now) for stage in stages],
        )

    def stages(self, labels: Sequence[str]) -> list[tuple[str, str, float, str]]:
        """Return all stages of labels, as they were noted."""
        asked = "SELECT label, stage, passed, detail FROM stages WHERE label IN"
        return list(self._asked(asked, labels))

    def acknowledge(self, topic: str, epoch: str, offset: int) -> None:
        """Keep up to which record of a topic all is handled."""
        self._write("INSERT OR REPLACE INTO handled VALUES (?, ?, ?)", [(topic, epoch, offset)])

    def acknowledged(self, topic: str, epoch: str) -> int:
        """Return the offset up to which all of a topic is handled, -1 where nothing is."""
        asked = "SELECT place FROM handled WHERE topic = ? AND epoch = ?"
        rows = self._ask(asked, (topic, epoch))
        return int(rows[0][0]) if rows else -1

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows as a whole; a failure costs what other processes are told, nothing else."""
        if not rows:
            return
        self._writes += len(rows)
        sweeps, self._writes = self._writes >= _SWEEP, self._writes % _SWEEP
        try:
            with self._transaction():
                self._file.executemany(statement, rows)
                if sweeps:
                    self._sweep()
        except sqlite3.Error as error:
            log.warning("not_told", file=str(self._path), error=str(error))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def _sweep(self) -> None:
        now = self._clock()
        self._file.execute("DELETE FROM messages WHERE at < ?", (now - message_index.SECONDS,))
        for table in ("labelled", "labels", "stages"):
            self._file.execute(f"DELETE FROM {table} WHERE at < ?", (now - self._label_seconds,))  # noqa: S608 - names of ours

    def _asked(self, statement: str, values: Sequence[Any], rest: str = "") -> Iterator[Any]:
        """Yield the rows of a question that ends in IN, in questions of a bounded length."""
        for start in range(0, len(values), _ASKED):
            some = values[start : start + _ASKED]
            marks = ", ".join("?" * len(some))
            yield from self._ask(f"{statement} ({marks}) {rest}", tuple(some))

    def _ask(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._file.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self._path}: {error}; wanted: a file that whoever runs this may read and write, as "
            "the hook's own user may"
        )
