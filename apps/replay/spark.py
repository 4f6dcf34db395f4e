"""The same work by Spark: an archive's verdicts by slices of time, a task a slice.

Each slice is a partition, whose task reads its verdicts from the archive's files by Arrow, as one
process would, so that Spark needs no access to the archive of its own; mapInArrow would have
Pandas along for that. What lay twice in the topic has the same time of receipt, so slices of time
keep it together, and the digest is that of one process.
"""

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from apps.replay.reading import Stretch
from apps.replay.sources import ArchiveSource
from apps.replay.verifying import BATCH
from apps.replay.workers import Task
from apps.subscriber.archive.manifest import DataFile
from apps.subscriber.archive.reading import Archive
from apps.subscriber.recorded import Recorded, Unread
from streams import heap

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = [
    "Slice",
    "SparkError",
    "open_spark",
    "slices",
    "tallied_by_spark",
]

_ROOT: Final = str(Path(__file__).parents[2])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SLICE: Final = 20_000  # verdicts, at least: seconds of work, so that starting it costs little

_RAISED: Final = re.compile(r"^[\w.]+Error: (.+)$", re.MULTILINE)

T = TypeVar("T")


class SparkError(RuntimeError):
    """Spark can't be started, or gave a replay up: one line with what is missing or was said."""


class Slice(NamedTuple):
    """A stretch of time of receipt, from `since` to before `until` (microseconds of the epoch)."""

    since: int
    until: int


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

    One that is open already is taken as it is. Raises SparkError without PySpark or Java.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError:
        raise SparkError(
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
        }
    )
    if "PYSPARK_GATEWAY_PORT" not in os.environ and "MASTER" not in os.environ:
        builder = builder.master(f"local[{cores or '*'}]").config(
            map={"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        )
    ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise SparkError(
            f"Spark didn't start ({' '.join(str(error).split())[:120]}); it needs Java 17 or later"
        ) from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ctrl_c)  # Spark has put its own there, which ends no coroutine
    session.sparkContext.setLogLevel("ERROR")
    return session


async def tallied_by_spark(
    source: ArchiveSource,
    task: Task[T],
    *,
    cores: int = 0,
    mail: bool = True,
    at_least: int = _SLICE,
) -> AsyncGenerator[tuple[Stretch, T], None]:
    """Yield the tallies of each slice, in the order of time, as `workers.tallied` does.

    Their stretches are empty, and can't be gone on from: a mark leads into one slice. `mail` is as
    `Archive.recorded` has it; `cores` as `open_spark`. The task, a dataclass, is opened once a
    slice, on hosts to which its folder `history` goes along. Raises ArchiveError where there is
    no archive and SparkError, one line each.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    ours = SparkSession.getActiveSession() is None
    session = open_spark(cores)
    try:
        archive = Archive.open(source.url)
        parts = slices(archive.files("verdicts"), source, at_least)
        if not parts:
            return
        rows = await asyncio.to_thread(_rows, session, parts, _Work(source.url, task, mail))
        done = 0
        while (row := await asyncio.to_thread(next, rows, None)) is not None:
            done += row.verdicts
            yield Stretch((), row.unread, {}, done), task.load(row.tally)
    except (PySparkException, Py4JError) as error:
        raise SparkError(f"Spark: {_told(str(error))}") from None
    finally:
        if ours:
            session.stop()


def _rows(session: "SparkSession", parts: Sequence[Slice], work: "_Work") -> Iterator["_Row"]:
    context = session.sparkContext
    context.addFile(work.task.history, recursive=True)
    divided = context.parallelize(parts, len(parts)).mapPartitions(work)
    return divided.toLocalIterator(prefetchPartitions=True)


def _told(text: str) -> str:
    """Return what a failure says: the error that Python raised, else its beginning."""
    raised = _RAISED.search(text)
    return " ".join((raised[1] if raised else text).split())[:200]


class _Row(NamedTuple):
    """What came of a stretch: its tally as bytes, its verdicts, and what wasn't readable."""

    tally: bytes
    verdicts: int
    unread: tuple[Unread, ...]


class _Work:
    """What a Spark task does with the slices of its partition; it is pickled to get there."""

    def __init__(self, url: str, task: Task[Any], mail: bool) -> None:  # noqa: FBT001 - two uses
        self.task: Any = task
        self._url, self._mail = url, mail

    def __call__(self, parts: Iterable[Slice]) -> Iterator[_Row]:
        from pyspark import SparkFiles  # noqa: PLC0415 - an extra

        unread: list[Unread] = []
        archive = Archive.open(self._url, unread.append)
        task = replace(self.task, history=SparkFiles.get(Path(self.task.history).name))
        work = task.open()
        heap.settle()
        for since, until in parts:
            found = archive.recorded(since=_at(since), until=_at(until), mail=self._mail)
            for stretch in _stretches(found):
                yield _Row(task.dump(work(stretch)), len(stretch), ())
            yield _Row(task.dump(work([])), 0, tuple(unread))
            unread.clear()


def _stretches(found: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    while stretch := list(islice(found, BATCH)):
        yield stretch


def _us(at: datetime) -> int:
    return (at.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _at(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND
