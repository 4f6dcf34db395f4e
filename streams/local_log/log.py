"""Topics with partitions in one file: appended to, read by offset, found by time, given up by age.

Everything here blocks for as long as the disk takes; consumers and producers call it in a thread.
"""

import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Literal, NamedTuple

import msgspec
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from streams.local_log import file

__all__ = ["Appended", "LocalLog", "Part", "Stored", "TopicRow", "Written", "size_of"]

_OFFSETS: Final = 40  # bits of a record's id below the partition's number
_RETIRED: Final = 200  # records in a transaction: others wait for it

Headers = tuple[tuple[str, bytes], ...]


class TopicRow(NamedTuple):
    """A topic as it was made; retention in ms, `record_bytes` the largest record."""

    name: str
    partitions: int
    retention_ms: int
    record_bytes: int
    epoch: str = ""


class Part(NamedTuple):
    """A partition: the first offset that is there, and the one behind the last."""

    id: int
    first: int
    following: int
    last_ms: int


class Appended(NamedTuple):
    """Where a record was put, and when (epoch ms): times of a partition never fall."""

    partition: int
    offset: int
    appended_ms: int


class Written(NamedTuple):
    """A record to append, its partition known."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class Stored(NamedTuple):
    """A record as it lies in a partition; append time in epoch ms."""

    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes
    headers: Headers


class LocalLog:
    """One connection to the log of a folder; use it from one thread at a time.

    Every method raises LogFileError where the file can't be used, UnknownTopicOrPartitionError
    for a topic or partition that it hasn't.
    """

    def __init__(self, folder: str) -> None:
        self._path = file.path_of(folder)
        self._connection = file.connect(folder)
        self._limits: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def create(self, topics: Sequence[TopicRow]) -> list[str]:
        """Make the topics that aren't there, each with a random epoch; return their names.

        Of those that are there, retention and largest record become as given; partitions stay.
        """
        created = []
        with self._transaction() as run:
            for row in topics:
                known = run.execute("SELECT 1 FROM topic WHERE name = ?", (row.name,)).fetchone()
                if known:
                    run.execute(
                        "UPDATE topic SET retention_ms = ?, record_bytes = ? WHERE name = ?",
                        (row.retention_ms, row.record_bytes, row.name),
                    )
                    continue
                created.append(row.name)
                epoch = row.epoch or secrets.token_hex(4)
                run.execute(
                    "INSERT INTO topic VALUES (?, ?, ?, ?, ?)",
                    (row.name, epoch, row.partitions, row.retention_ms, row.record_bytes),
                )
                run.executemany(
                    "INSERT INTO part (topic, number, first, following, last_ms) "
                    "VALUES (?, ?, 0, 0, 0)",
                    [(row.name, number) for number in range(row.partitions)],
                )
        return created

    def topics(self) -> dict[str, TopicRow]:
        """Return every topic by its name."""
        with file.translated(self._path):
            rows = self._connection.execute(
                "SELECT name, partitions, retention_ms, record_bytes, epoch FROM topic"
            ).fetchall()
        return {row[0]: TopicRow(*row) for row in rows}

    def part(self, topic: str, number: int) -> Part:
        """Return a partition as it is now."""
        with file.translated(self._path):
            return self._part(topic, number)

    def append(self, records: Sequence[Written]) -> list[Appended]:
        """Append records in order, all of them or none; return where each was put.

        Raises MessageSizeTooLargeError for a record that its topic doesn't take.
        """
        now = time.time_ns() // 1_000_000
        rows, places = [], []
        with self._transaction() as run:
            parts: dict[tuple[str, int], Part] = {}
            for record in records:
                at = (record.topic, record.partition)
                part = parts.get(at) or self._part(*at)
                headers = msgspec.msgpack.encode(record.headers)
                self._check(record)
                moment = max(now, part.last_ms)
                rows.append((_id(part, part.following), moment, record.key, record.value, headers))
                places.append(Appended(record.partition, part.following, moment))
                parts[at] = part._replace(following=part.following + 1, last_ms=moment)
            run.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
            run.executemany(
                "UPDATE part SET following = ?, last_ms = ? WHERE id = ?",
                [(part.following, part.last_ms, part.id) for part in parts.values()],
            )
        return places

    def read(self, topic: str, number: int, start: int, *, records: int, size: int) -> list[Stored]:
        """Return what lies at an offset and behind it, in order.

        At most so many records, and `size` bytes of values unless the first is larger.
        """
        found: list[Stored] = []
        with file.translated(self._path):
            part = self._part(topic, number)
            rows = self._connection.execute(
                "SELECT id, appended_ms, key, value, headers FROM record "
                "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (_id(part, max(start, part.first)), _id(part, part.following), records),
            )
            for ident, moment, key, value, headers in rows:
                size -= len(value)
                if size < 0 and found:
                    break
                offset = ident & ((1 << _OFFSETS) - 1)
                found.append(Stored(offset, moment, key, value, _headers(headers)))
        return found

    def offset_at(self, topic: str, number: int, moment: int) -> tuple[int, int] | None:
        """Return the first offset appended at a time (epoch ms) or later, with its own time.

        None where nothing came since.
        """
        with self._transaction("DEFERRED"):
            return self._first_since(self._part(topic, number), moment)

    def retire(self, now_ms: int) -> int:
        """Give up some records that are older than their topic keeps; return how many.

        Call it again until it returns 0. What is given up is overwritten in the file, not only
        unlinked: it is people's mail.
        """
        with file.translated(self._path):
            self._connection.execute("PRAGMA secure_delete = ON")
            parts = self._connection.execute(
                "SELECT part.id, first, following, last_ms, retention_ms FROM part "
                "JOIN topic ON topic.name = part.topic WHERE first < following"
            ).fetchall()
        gone = 0
        for *row, retention_ms in parts:
            gone += self._retire(Part(*row), now_ms - retention_ms)
        return gone

    def shrink(self, topics: Sequence[str], most: int) -> int:
        """Give up some of the oldest records of topics while the log holds over `most` bytes.

        Return how many; call it again until it returns 0. Others' mail must not fill the disk.
        """
        with file.translated(self._path):
            self._connection.execute("PRAGMA secure_delete = ON")
            used, free, size = (
                int(self._connection.execute(f"PRAGMA {word}").fetchone()[0])
                for word in ("page_count", "freelist_count", "page_size")
            )
            if (used - free) * size <= most:
                return 0
            parts = self._connection.execute(
                "SELECT id, first, following, last_ms, topic FROM part WHERE first < following"
            ).fetchall()
        found = [Part(*row) for *row, topic in parts if topic in topics]
        if not found:
            return 0
        oldest = min(found, key=lambda part: self._time(part, part.first))
        return self._give_up(oldest, oldest.first + _RETIRED)

    def checkpoint(self) -> None:
        """Move what was appended into the file proper, without holding anybody up."""
        with file.translated(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _check(self, record: Written) -> None:
        """Raise MessageSizeTooLargeError for a record that its topic doesn't take."""
        if record.topic not in self._limits:
            self._limits = {name: row.record_bytes for name, row in self.topics().items()}
        limit = self._limits[record.topic]
        if size_of(record.key, record.value, record.headers) > limit:
            raise MessageSizeTooLargeError(f"{record.topic} takes records up to {limit} bytes")

    def _part(self, topic: str, number: int) -> Part:
        row = self._connection.execute(
            "SELECT id, first, following, last_ms FROM part WHERE topic = ? AND number = ?",
            (topic, number),
        ).fetchone()
        if row is None:
            raise UnknownTopicOrPartitionError(f"the local log has no {topic}, {number}")
        return Part(*row)

    def _first_since(self, part: Part, moment: int) -> tuple[int, int] | None:
        """Search by halves: times of a partition never fall, and no offset is missing."""
        low, high = part.first, part.following
        while low < high:
            middle = (low + high) // 2
            if self._time(part, middle) < moment:
                low = middle + 1
            else:
                high = middle
        return None if low == part.following else (low, self._time(part, low))

    def _time(self, part: Part, offset: int) -> int:
        row = self._connection.execute(
            "SELECT appended_ms FROM record WHERE id = ?", (_id(part, offset),)
        ).fetchone()
        if row is None:
            raise file.LogFileError(f"local log {str(self._path)!r}: offset {offset} is missing")
        return int(row[0])

    def _retire(self, part: Part, before_ms: int) -> int:
        with self._transaction("DEFERRED"):
            kept = self._first_since(part, before_ms)
        first = min(part.following if kept is None else kept[0], part.first + _RETIRED)
        return self._give_up(part, first)

    def _give_up(self, part: Part, first: int) -> int:
        """Give up what lies before an offset; return how many records."""
        first = min(first, part.following)
        if first <= part.first:
            return 0
        with self._transaction() as run:
            run.execute("UPDATE part SET first = ? WHERE id = ?", (first, part.id))
            run.execute(
                "DELETE FROM record WHERE id >= ? AND id < ?",
                (_id(part, part.first), _id(part, first)),
            )
        return first - part.first

    @contextmanager
    def _transaction(
        self, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
    ) -> Iterator[sqlite3.Connection]:
        with file.translated(self._path):
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise


def size_of(key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]) -> int:
    """Return what a record counts for against its topic's largest, in bytes."""
    named = sum(len(name) + len(content) for name, content in headers)
    return len(key or b"") + len(value) + named


def _id(part: Part, offset: int) -> int:
    return part.id << _OFFSETS | offset


def _headers(encoded: bytes) -> Headers:
    return msgspec.msgpack.decode(encoded, type=Headers)
