"""A block: what was read of the topics since the last one, as rows, with the offsets it spans."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa  # type: ignore[import-untyped]  # no types
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import SCHEMA, DataFile, Entry, Kind, Range
from apps.subscriber.archive.parquet import encoded
from apps.subscriber.archive.rows import label_row, message_row, model_row
from apps.subscriber.archive.schema import COLUMNS
from apps.subscriber.archive.storage import Storage
from apps.subscriber.archive.verdict_rows import verdict_row
from apps.subscriber.once import Once
from apps.subscriber.received import Received
from streams.model_records import Pointer, read_model_record

__all__ = ["Block", "file_of", "table_of"]

_NOBODY: Final = "__HIVE_DEFAULT_PARTITION__"  # Hive's folder for a value that is missing
_ROW: Final[Mapping[Kind, Callable[[Received], Any]]] = {
    "verdicts": verdict_row,
    "messages": message_row,
    "labels": label_row,
    "models": model_row,
}

Group = tuple[Kind, str, str]


class Block:
    """Rows by kind, date and tenant; `ends` are where the archive ended before it.

    A verdict that came already, by what `once` remembers, gives no row.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], ends: Mapping[TopicPartition, int], once: Once
    ) -> None:
        self._kinds = kinds
        self._ends = ends
        self._once = once
        self._rows: dict[Group, list[Any]] = {}
        self._spans: dict[TopicPartition, tuple[int, int]] = {}
        self.rows = 0
        self.bytes = 0
        self.policies: set[str] = set()
        self.pointers: list[Pointer] = []

    def add(self, records: Iterable[Received], following: Mapping[TopicPartition, int]) -> None:
        """Add what was read, by which `following` has become each partition's next offset."""
        firsts: dict[TopicPartition, int] = {}
        for record in records:
            kind = self._kinds[record.topic]
            firsts.setdefault(record.place, record.offset)
            event = kind == "verdicts" and dict(record.headers).get("ce_id")
            if event and not self._once.first(record.place, event):
                continue
            row = _ROW[kind](record)
            group = (kind, row.at.astimezone(UTC).date().isoformat(), row.tenant)
            self._rows.setdefault(group, []).append(row)
            self.rows += 1
            self.bytes += len(record.value)
            if kind == "verdicts" and row.policy:
                self.policies.add(row.policy)
            if kind == "models" and (pointer := _pointer(record)):
                self.pointers.append(pointer)
        for place, offset in following.items():
            known = self._spans.get(place)
            first = known[0] if known else min(offset, firsts.get(place, offset))
            self._spans[place] = (first, offset)

    def ranges(self) -> tuple[Range, ...]:
        """Return the offsets that the block spans, of each partition that moved."""
        found = []
        for place, (first, to) in sorted(self._spans.items()):
            after = self._ends.get(place, 0)
            if to != after:
                found.append(Range(place.topic, place.partition, after, first, to))
        return tuple(found)

    def ends_as(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Tell whether each partition ends there where this block ended."""
        return all(
            ends.get((place.topic, place.partition), 0) == to
            for place, (_, to) in self._spans.items()
        )

    def write(self, storage: Storage, at: datetime) -> Entry:
        """Write the rows as files, and return the entry that would publish them.

        Raises ArchiveError.
        """
        adds = []
        for (kind, date, tenant), rows in sorted(self._rows.items(), key=lambda item: item[0]):
            table = table_of(kind, [row.values for row in rows])
            times = [row.at for row in rows]
            file, content = file_of(kind, date, tenant, table, since=min(times), until=max(times))
            storage.write(file.path, content)
            adds.append(file)
        return Entry(at=at, why="block", ranges=self.ranges(), adds=tuple(adds))


def _pointer(record: Received) -> Pointer | None:
    if b"weir.model.snapshot" not in (value for _, value in record.headers):
        return None
    try:
        found = read_model_record(record.headers, record.value)
    except ValueError:
        return None
    return found if isinstance(found, Pointer) else None


def table_of(kind: Kind, rows: list[tuple[Any, ...]]) -> pa.Table:
    """Return rows, given by the kind's columns, as a table."""
    schema = COLUMNS[kind]
    columns = zip(*rows, strict=True) if rows else [() for _ in schema]
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def file_of(
    kind: Kind,
    date: str,
    tenant: str,
    table: pa.Table,
    *,
    since: datetime,
    until: datetime,
    lacks: tuple[str, ...] = (),
) -> tuple[DataFile, bytes]:
    """Return a new data file of a table, not written yet, and its bytes."""
    content = encoded(kind, table)
    path = f"{kind}/v{SCHEMA}/date={date}/tenant={tenant or _NOBODY}/{secrets.token_hex(8)}.parquet"
    file = DataFile(
        path=path,
        kind=kind,
        date=date,
        tenant=tenant,
        rows=table.num_rows,
        bytes=len(content),
        since=since,
        until=until,
        lacks=lacks,
    )
    return file, content
