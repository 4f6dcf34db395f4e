"""Search among recorded verdicts, the newest first: in an archive, or in the topic."""

import heapq
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.dataset as ds  # type: ignore[import-untyped]  # no types

from apps.analysis.sealed import stoppable
from apps.analysis.sought import Sought
from apps.analysis.tables import Tables
from apps.analysis.views import VERDICT_RECORDS
from apps.subscriber.archive.reading import Archive, recorded_in
from apps.subscriber.recorded import Recorded
from detectors.verdict import Verdict

__all__ = ["Hit", "newest", "search_archive"]

Hit = tuple[Verdict, Recorded]

_READ: Final = 256  # records that are held at a time
_DECODER: Final = msgspec.json.Decoder(Verdict)
_FOUND: Final = """
SELECT event, received_at FROM {table} WHERE date = ? AND {condition}
ORDER BY received_at DESC, log_partition DESC, log_offset DESC, revision DESC
"""
_COLUMNS: Final = ["event", "appended", "record", "cut", "vector"]


def search_archive(archive: Archive, tables: Tables, sought: Sought) -> Iterator[Hit]:
    """Yield what is sought in an archive, the newest first, each event once.

    `tables` are of this archive. Columns are searched day by day, and the
    records read a few at a time, only as far as the caller goes on. A record that is found and
    can't be read as a verdict is passed over. Raises duckdb.Error, OSError or pa.ArrowException
    for a file that is damaged.
    """
    condition, values = sought.sql()
    asked = _FOUND.format(table=VERDICT_RECORDS, condition=condition)
    tenants = sought.wanted.tenant or ()
    files = archive.files("verdicts", since=sought.since, until=sought.until, tenants=tenants)
    for day in sorted({date.fromisoformat(file.date) for file in files}, reverse=True):
        found = stoppable(tables.duckdb, partial(_asked, tables, asked, [day, *values]))
        for start in range(0, found.num_rows, _READ):
            few = found.slice(start, _READ)
            yield from _read(tables, day, few["event"].to_pylist(), few["received_at"], sought)


def _asked(tables: Tables, question: str, values: Sequence[Any]) -> pa.Table:
    return tables.duckdb.sql(question, params=list(values)).to_arrow_table()


def _read(
    tables: Tables, day: date, events: Sequence[str], times: pa.ChunkedArray, sought: Sought
) -> Iterator[Hit]:
    # the times say which row groups needn't be read
    at = times.cast(pa.timestamp("us", "UTC")).combine_chunks().unique()
    there = (ds.field("date") == pa.scalar(day, pa.date32())) & ds.field("received_at").isin(at)
    wanted = there & ds.field("event").isin(pa.array(events, pa.string()))
    read: dict[str, Recorded] = {}
    for batch in tables.verdicts.to_table(_COLUMNS, filter=wanted).to_batches():
        for recorded in recorded_in(batch):
            first = read.setdefault(recorded.event, recorded)
            if recorded.appended_ms < first.appended_ms:
                read[recorded.event] = recorded
    for event in dict.fromkeys(events):
        hit = _hit(read[event])
        if hit is not None and sought.holds(hit[0]):
            yield hit


async def newest(records: AsyncIterator[Recorded], sought: Sought, most: int) -> list[Hit]:
    """Return the newest that are sought among records in any order, each event once."""
    kept: list[tuple[Any, int, Hit]] = []
    events: set[str] = set()
    number = 0
    async for recorded in records:
        hit = _hit(recorded) if not sought.id or sought.id.encode() in recorded.value else None
        if hit is None or recorded.event in events or not sought.matches(hit[0]):
            continue
        number += 1
        events.add(recorded.event)
        heapq.heappush(kept, (hit[0].received_at, -number, hit))
        if len(kept) > most:
            events.discard(heapq.heappop(kept)[2][1].event)
    return [hit for _, _, hit in sorted(kept, key=lambda one: one[:2], reverse=True)]


def _hit(recorded: Recorded) -> Hit | None:
    try:
        return _DECODER.decode(recorded.value), recorded
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
