"""The same work by Spark: an archive's verdicts by slices of time, a task a slice.

Each slice is a row of a data frame, and a task reads its verdicts from the archive's files by
Arrow, as one process would (mapInArrow). What lay twice in the topic has the same time of receipt,
so slices of time keep it together, and the digest is that of one process.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.replay.recorded import Recorded, Unread
from apps.replay.sources import ArchiveSource
from apps.replay.verifying import BATCH
from apps.replay.workers import Task
from apps.subscriber.archive.manifest import DataFile
from apps.subscriber.archive.reading import Archive

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["Slice", "Sliced", "SparkMissingError", "open_spark", "slices", "tallied_by_spark"]

_ROOT: Final = str(Path(__file__).parents[2])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SLICE: Final = 20_000  # verdicts, at least: seconds of work, so that starting it costs little
_COLUMNS: Final = "tally binary, verdicts bigint, unread binary"

T = TypeVar("T")
Merged = Callable[[bytes, bytes], bytes]


class SparkMissingError(RuntimeError):
    """Spark can't be started: one line with what is missing."""


class Slice(NamedTuple):
    """A stretch of time of receipt, from `since` to before `until` (microseconds of the epoch)."""

    since: int
    until: int


class Sliced(NamedTuple):
    """The tallies of a slice's stretches, how many verdicts it had, and what wasn't readable."""

    tallies: tuple[bytes, ...]
    verdicts: int
    unread: tuple[Unread, ...]


def slices(files: Sequence[DataFile], source: ArchiveSource, at_least: int = _SLICE) -> list[Slice]:
    """Divide an archive's files by time: disjoint slices that begin where files do.

    Each has at least so many verdicts, the last one perhaps fewer.
    """
    found: list[Slice] = []
    begin, rows = None, 0
    for file in sorted(files, key=lambda it: it.since):
        at = _us(file.since)
        if begin is None:
            begin = at
        elif rows >= at_least and at > begin:
            found.append(Slice(begin, at))
            begin, rows = at, 0
        rows += file.rows
    if begin is not None:
        found.append(Slice(begin, max(_us(file.until) for file in files) + 1))
    since = _us(source.since) if source.since else None
    until = _us(source.until) if source.until else None
    cut = [
        Slice(
            each.since if since is None else max(each.since, since),
            each.until if until is None else min(each.until, until),
        )
        for each in found
    ]
    return [each for each in cut if each.since < each.until]


def open_spark(cores: int = 0) -> "SparkSession":
    """Return the session of spark-submit, else one on this machine with so many cores (0: all).

    Raises SparkMissingError without PySpark or Java.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError:
        raise SparkMissingError(
            "--engine spark needs PySpark: install the spark extra (pip install '.[spark]' in the "
            "repository)"
        ) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    paths = os.pathsep.join([_ROOT, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    builder = SparkSession.builder.appName("weir replay").config(
        map={
            "spark.executorEnv.PYTHONPATH": paths,
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            # A slice is a row, and a batch of rows would be one task's.
            "spark.sql.execution.arrow.maxRecordsPerBatch": "1",
        }
    )
    if "PYSPARK_GATEWAY_PORT" not in os.environ and "MASTER" not in os.environ:
        builder = builder.master(f"local[{cores or '*'}]").config(
            map={"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        )
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise SparkMissingError(
            f"Spark didn't start ({' '.join(str(error).split())[:120]}); it needs Java 17 or later"
        ) from None
    session.sparkContext.setLogLevel("ERROR")
    return session


def tallied_by_spark(
    session: "SparkSession",
    source: ArchiveSource,
    task: Task[T],
    *,
    mail: bool,
    at_least: int = _SLICE,
) -> Iterator[tuple[Sliced, list[T]]]:
    """Yield the tallies of each slice, in the order of time; `mail` as `Archive.recorded` has it.

    Raises ArchiveError where there is no archive. The task is pickled and opened once a slice.
    """
    archive = Archive.open(source.url)
    parts = slices(archive.files("verdicts"), source, at_least)
    if not parts:
        return
    frame = session.createDataFrame([tuple(part) for part in parts], "since bigint, until bigint")
    work = _Work(source.url, task, mail)
    rows = frame.repartitionByRange(len(parts), "since").mapInArrow(work, _COLUMNS)
    for row in rows.toLocalIterator(prefetchPartitions=True):
        unread = msgspec.msgpack.decode(row["unread"], type=tuple[Unread, ...])
        states = msgspec.msgpack.decode(row["tally"], type=tuple[bytes, ...])
        yield Sliced(states, row["verdicts"], unread), [task.load(state) for state in states]


class _Work:
    """What a Spark task does with the slices that are its rows; it is pickled to get there."""

    def __init__(self, url: str, task: Task[Any], mail: bool) -> None:  # noqa: FBT001 - two uses
        self._url, self._task, self._mail = url, task, mail

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        unread: list[Unread] = []
        archive = Archive.open(self._url, unread.append)
        work = self._task.open()
        for batch in batches:
            for row in batch.to_pylist():
                found = archive.recorded(
                    since=_at(row["since"]), until=_at(row["until"]), mail=self._mail
                )
                states, count = [], 0
                for stretch in _stretches(found):
                    states.append(self._task.dump(work(stretch)))
                    count += len(stretch)
                yield pa.RecordBatch.from_pydict(
                    {
                        "tally": [msgspec.msgpack.encode(states)],
                        "verdicts": [count],
                        "unread": [msgspec.msgpack.encode(unread)],
                    },
                    schema=pa.schema(
                        [("tally", pa.binary()), ("verdicts", pa.int64()), ("unread", pa.binary())]
                    ),
                )
                unread.clear()


def _stretches(found: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    while stretch := list(islice(found, BATCH)):
        yield stretch


def _us(at: datetime) -> int:
    return (at.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _at(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND
