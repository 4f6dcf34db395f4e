"""`weir bench sql`: how long an analyst waits for an answer from an archive of many verdicts."""

import gc
import os
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from apps.analysis.searching import search_archive
from apps.analysis.sought import Sought
from apps.analysis.sql import ask
from apps.analysis.tables import open_tables
from apps.bench.machine import machine
from apps.bench.many_verdicts import DAYS, FIRST_DAY, archive_of
from apps.installation import open_judge
from apps.received import content_id, envelope_of
from apps.sources import Mail, read_mail
from apps.subscriber.archive.reading import Archive
from detectors.verdict import Verdict
from features.envelope import Incoming
from streams.settings import Settings

__all__ = ["measure_sql"]

_ROUNDS: Final = 5
_DAY: Final = f"{FIRST_DAY + timedelta(days=DAYS // 2):%Y-%m-%d}"
_EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples" / "inbound"

Say = Callable[[str], None]


def measure_sql(settings: Settings, mail: str | None, *, verdicts: int, say: Say) -> dict[str, Any]:
    """Return the seconds that questions take, cold and warm (docs/benchmarks.md).

    Cold: the archive's files aren't in the system's cache, and nothing is open; warm: the median
    of five questions over the same tables. Opening the archive is part of the cold figure.
    """
    judged = _judged(settings, mail)
    say(f"{len(judged)} verdicts judged")
    with TemporaryDirectory(prefix="weir-bench-") as folder:
        ids = archive_of(judged, folder, verdicts, say)
        paths = list(Path(folder).rglob("*.parquet"))
        size = sum(path.stat().st_size for path in paths)
        found: dict[str, Any] = {
            "benchmark": "sql",
            "machine": machine(),
            "verdicts": verdicts,
            "bytes_a_verdict": round(size / verdicts, 1),
            "files": len(paths),
        }
        asked = {}
        for name, question in _questions(ids).items():
            say(name)
            asked[name] = _timed(folder, paths, question)
        say("DuckDB's own reader")
        return {**found, "seconds": asked, "own_reader": _by_its_own_reader(paths, ids)}


def _questions(ids: list[str]) -> dict[str, Callable[[Archive, Any, int], int]]:
    """Return questions by name: each takes archive, tables and its round; it returns rows."""

    def sql(text: str) -> Callable[[Archive, Any, int], int]:
        return lambda _, tables, turn: sum(
            1 for _ in ask(tables.duckdb, text.format(id=ids[turn % len(ids)], day=_DAY)).rows
        )

    def search(sought: Callable[[int], Sought], most: int) -> Callable[[Archive, Any, int], int]:
        def searched(archive: Archive, tables: Any, turn: int) -> int:
            hits = search_archive(archive, tables, sought(turn))
            return sum(1 for _ in islice(hits, most))

        return searched

    return {
        "a_days_aggregate": sql(
            "SELECT action, class, count(*), avg(score) FROM verdicts "
            "WHERE date = '{day}' GROUP BY ALL"
        ),
        "daily_of_all": sql("SELECT date, action, sum(messages) FROM daily GROUP BY ALL"),
        "a_days_signals": sql(
            "SELECT signal, count(*) FROM signals WHERE date = '{day}' GROUP BY ALL"
        ),
        "an_id": sql("SELECT * FROM verdicts WHERE id = '{id}'"),
        "search_an_id": search(lambda turn: Sought(id=ids[turn % len(ids)]), 1),
        "search_a_domain": search(
            lambda turn: Sought(domains=(f"sender-{turn + 1}.example",)), 1_000
        ),
        "search_newest_50": search(lambda _: Sought(least=0.5), 50),
    }


def _timed(
    folder: str, paths: list[Path], question: Callable[[Archive, Any, int], int]
) -> dict[str, float | int]:
    gc.collect()
    for path in paths:
        _forget(path)
    start = time.perf_counter()
    archive = Archive.open(folder)
    tables = open_tables(archive)
    question(archive, tables, 0)
    cold = time.perf_counter() - start
    warm, rows = [], 0
    for turn in range(1, _ROUNDS + 1):
        start = time.perf_counter()
        rows = question(archive, tables, turn)
        warm.append(time.perf_counter() - start)
    return {"cold": round(cold, 4), "warm": round(median(warm), 4), "rows": rows}


def _by_its_own_reader(paths: list[Path], ids: list[str]) -> dict[str, float]:
    """Return the warm seconds of two questions that DuckDB answers from the files by itself."""
    files = [str(path) for path in paths]
    held = "read_parquet(?, hive_partitioning=true)"
    day = f"FROM {held} SELECT action, class, count(*), avg(score) WHERE date = ? GROUP BY ALL"
    with duckdb.connect() as connection:

        def timed(question: str, values: list[str]) -> float:
            connection.sql(question, params=[files, values[0]]).to_arrow_table()
            warm = []
            for value in values:
                start = time.perf_counter()
                connection.sql(question, params=[files, value]).to_arrow_table()
                warm.append(time.perf_counter() - start)
            return round(median(warm), 4)

        return {
            "a_days_aggregate": timed(day, [_DAY] * _ROUNDS),
            "an_id": timed(f"FROM {held} WHERE id = ?", ids[:_ROUNDS]),
        }


def _forget(path: Path) -> None:
    """Have the system drop a file from its cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _judged(settings: Settings, mail: str | None) -> list[Verdict]:
    judge = open_judge(settings)
    limits = judge.context.limits
    incoming = [
        Incoming(envelope_of(each, content_id(each.raw), FIRST_DAY, limits), each.raw)
        for each in read_mail([mail or str(_EXAMPLES)], limits.message_bytes)
        if isinstance(each, Mail)
    ]
    found = [judged.verdict for judged in judge.judge(incoming)]
    return [verdict for verdict in found if verdict.logit is not None]
