"""Reading an archive: verdicts as batches or as they were recorded, labels, models, policies.

A file that can't be read is named to `told`, and the rest is read. Memory is bounded by the files
whose times overlap, never by what is asked for. An archive is read as it was when it was opened;
`refresh` looks again.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa  # type: ignore[import-untyped]  # no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.keeping import kept_artifact, kept_policy
from apps.subscriber.archive.manifest import SCHEMA, DataFile, Kind, Manifest, ManifestFiles
from apps.subscriber.archive.merging import Key, Sorted, merged
from apps.subscriber.archive.parquet import batches
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.archive.verdict_rows import EPOCH, recorded_bytes
from apps.subscriber.recorded import KeptMail, ModelLogRecord, Recorded, Unread
from models.label import Label
from streams.label_records import read_record
from streams.policies import KeptPolicy

__all__ = ["Archive", "ArchiveError", "DataFile", "KeptLabel", "Kind", "Told", "recorded_in"]

_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RECORD: Final = ("event", "appended", "record", "cut", "vector")
_KEY: Final = ("received_at", "log_partition", "log_offset", "revision")

Told = Callable[[Unread], None]
"""Hears of a file, or a part of one, that can't be read."""


class KeptLabel(NamedTuple):
    """A label of the topic: its `offset` there, when the log took it, and what it is of.

    `target` is `models.label.Target` as one text (streams.label_records.canonical): of a label that
    brought the message itself `raw:SHA-256` stands, and `label.of.id` is `sha256-` with that.
    """

    offset: int
    appended: datetime
    event: str
    target: str
    label: Label


class Archive:
    """An archive that is opened for reading; nothing here changes it."""

    def __init__(self, storage: Storage, manifest: Manifest, told: Told | None = None) -> None:
        self.storage = storage
        self.manifest = manifest
        self._told = told or _ignore

    @classmethod
    def open(cls, url: str, told: Told | None = None) -> Self:
        """Open an archive: a folder, `file://...` or `s3://BUCKET/PREFIX`; `archive:` may lead.

        `told` hears of each file that can't be read. Raises ArchiveError, in one line, where there
        is no archive or its manifest can't be read.
        """
        storage = Storage(url)
        manifest = ManifestFiles(storage).read()
        if not manifest.names:
            raise ArchiveError(
                f"{storage.url!r} is no archive, or none yet: it has no manifest; wanted: what "
                "`weir archive run` writes (archive.url)"
            )
        return cls(storage, manifest, told)

    def refresh(self) -> None:
        """Look again at what the archive holds; raises ArchiveError."""
        self.manifest = ManifestFiles(self.storage).read()

    def files(
        self,
        kind: Kind,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        tenants: Collection[str] = (),
    ) -> list[DataFile]:
        """Return the files of a kind that may have rows of a time [since, until) and of tenants.

        Those of another schema are told and left out. `address` says where a file lies.
        """
        found = []
        for file in self.manifest.of(kind):
            if tenants and file.tenant not in tenants:
                continue
            if (since and file.until < since) or (until and file.since >= until):
                continue
            if file.schema != SCHEMA:
                self._told(Unread(file.path, f"schema {file.schema}; this release reads {SCHEMA}"))
                continue
            found.append(file)
        return found

    def address(self, file: DataFile) -> str:
        """Return where a file lies, for DuckDB or Spark: an absolute path, or s3://BUCKET/KEY."""
        place = self.storage.place(file.path)
        return place if self.storage.local else f"s3://{place}"

    def verdicts(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        tenants: Collection[str] = (),
        ids: Collection[str] = (),
        columns: Sequence[str] | None = None,
        files: Sequence[DataFile] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield verdicts as batches of the archive's columns, and `tenant`; file by file.

        Times are those of receipt. A verdict that lay twice in the topic may be there twice, under
        the same `event`. `files` are some of `files("verdicts")`, all by default.
        """
        if files is None:
            files = self.files("verdicts", since=since, until=until, tenants=tenants)
        for file in files:
            wanted = None if columns is None else sorted({*columns, "received_at", "id"})
            for whole in self._batches(file, wanted):
                mask = _mask(whole, since, until, ids)
                batch = whole if mask is None else whole.filter(mask)
                if not batch.num_rows:
                    continue
                tenant = pa.array([file.tenant] * batch.num_rows, pa.string())
                batch = batch.append_column("tenant", tenant)
                yield batch if columns is None else batch.select(list(columns))

    def recorded(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        tenants: Collection[str] = (),
        ids: Collection[str] = (),
        mail: bool = False,
        files: Sequence[DataFile] | None = None,
    ) -> Iterator[Recorded]:
        """Yield verdicts as they were recorded, in the order (received_at, partition, offset).

        Each `event` comes once, the first of it. With `mail` the message is there where it is
        kept. `files` are some of `files("verdicts")`, so that work can be divided: verdicts of one
        message that lie in two shares are told apart by their events all the same.
        """
        if files is None:
            files = self.files("verdicts", since=since, until=until, tenants=tenants)
        rows = merged(
            Sorted((_us(file.since),), self._recorded_of(file, since, until, ids)) for file in files
        )
        mails = self._mails(files) if mail and files else iter(())
        current: tuple[Key, KeptMail | None] = ((), None)
        place: Key = ()
        seen: set[str] = set()
        for key, recorded in rows:
            if key[:3] != place:  # what lay twice in the topic has the same place in the mail log
                place, seen = key[:3], set()
            if recorded.event in seen:
                continue
            seen.add(recorded.event)
            while mail and place[1] >= 0 and current[0] < place:
                current = next(mails, ((_NEVER,), None))
            found = current[1] if current[0] == place else None
            yield recorded._replace(mail=found)

    def labels(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[KeptLabel]:
        """Yield labels and retractions in the order of the log; times are those of their append."""
        rows = merged(
            Sorted((_us(file.since),), self._labels_of(file))
            for file in self.files("labels", since=since, until=until)
        )
        for _, kept in rows:
            if (not since or kept.appended >= since) and (not until or kept.appended < until):
                yield kept

    def models(self) -> Iterator[ModelLogRecord]:
        """Yield the records of mail.models in the order of the log."""
        files = sorted(self.files("models"), key=lambda file: (file.since, file.path))
        rows = merged(Sorted((_us(file.since),), self._models_of(file)) for file in files)
        for _, record in rows:
            yield record

    def policy(self, digest: str) -> KeptPolicy | None:
        """Return a policy that verdicts name, None where it isn't kept. Raises ArchiveError."""
        return kept_policy(self.storage, digest)

    def artifact(self, digest: str) -> bytes | None:
        """Return an artifact (a snapshot or a classifier) by its SHA-256, whole or the first 12.

        None where it isn't kept. Raises ArchiveError where it is damaged.
        """
        return kept_artifact(self.storage, digest)

    def _batches(self, file: DataFile, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches(self.storage, file, columns)
        except (OSError, pa.ArrowException) as error:
            self._told(Unread(file.path, " ".join(str(error).split())[:200]))

    def _recorded_of(
        self,
        file: DataFile,
        since: datetime | None,
        until: datetime | None,
        ids: Collection[str],
    ) -> Callable[[], Iterator[tuple[Key, Recorded]]]:
        def rows() -> Iterator[tuple[Key, Recorded]]:
            for batch in self._batches(file, ("id", *_KEY, *_RECORD)):
                mask = _mask(batch, since, until, ids)
                kept = batch if mask is None else batch.filter(mask)
                yield from zip(_keys(kept), recorded_in(kept), strict=True)

        return rows

    def _mails(self, files: Sequence[DataFile]) -> Iterator[tuple[Key, KeptMail]]:
        since, until = min(f.since for f in files), max(f.until for f in files) + _MICROSECOND
        tenants = {file.tenant for file in files}
        return merged(
            Sorted((_us(file.since),), self._mails_of(file))
            for file in self.files("messages", since=since, until=until, tenants=tenants)
        )

    def _mails_of(self, file: DataFile) -> Callable[[], Iterator[tuple[Key, KeptMail]]]:
        def rows() -> Iterator[tuple[Key, KeptMail]]:
            for batch in self._batches(file, None):
                times = batch.column("received_at").cast(pa.int64()).to_pylist()
                appended = batch.column("appended").cast(pa.int64()).to_pylist()
                names = ("partition", "offset", "raw", "envelope", "requeued")
                columns = [batch.column(name).to_pylist() for name in names]
                for at, taken, partition, offset, raw, envelope, requeued in zip(
                    times, appended, *columns, strict=True
                ):
                    kept = KeptMail(raw, envelope, taken // 1000, requeued)
                    yield (at, partition, offset), kept

        return rows

    def _labels_of(self, file: DataFile) -> Callable[[], Iterator[tuple[Key, KeptLabel]]]:
        def rows() -> Iterator[tuple[Key, KeptLabel]]:
            for batch in self._batches(file, None):
                for row in batch.to_pylist():
                    label = read_record(row["record"], None, row["appended"])
                    if isinstance(label, Label):
                        key = (_us(row["appended"]), row["partition"], row["offset"])
                        yield (
                            key,
                            KeptLabel(
                                row["offset"], row["appended"], row["event"], row["target"], label
                            ),
                        )

        return rows

    def _models_of(self, file: DataFile) -> Callable[[], Iterator[tuple[Key, ModelLogRecord]]]:
        def rows() -> Iterator[tuple[Key, ModelLogRecord]]:
            for batch in self._batches(file, None):
                for row in batch.to_pylist():
                    headers = [("ce_type", row["type"].encode())]
                    key = (_us(row["appended"]), row["partition"], row["offset"])
                    yield key, ModelLogRecord(headers, row["record"])

        return rows


_NEVER: Final = 1 << 62  # microseconds: after every time


def recorded_in(batch: pa.RecordBatch) -> list[Recorded]:
    """Return the verdicts of a batch as they were recorded, without mail.

    It needs the columns event, appended, record, cut and vector, as `Archive.verdicts` or any other
    reader of Parquet gives them.
    """
    columns = [batch.column(name).to_pylist() for name in ("event", "record", "cut", "vector")]
    appended = batch.column("appended").cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
    return [
        Recorded(event, recorded_bytes(record, cut, vector), at // 1000)
        for event, record, cut, vector, at in zip(*columns, appended, strict=True)
    ]


def _keys(batch: pa.RecordBatch) -> list[Key]:
    times = batch.column("received_at").cast(pa.int64()).to_pylist()
    others = [
        pc.fill_null(batch.column(name), -1).to_pylist()
        for name in ("log_partition", "log_offset", "revision")
    ]
    return list(zip(times, *others, strict=True))


def _mask(
    batch: pa.RecordBatch,
    since: datetime | None,
    until: datetime | None,
    ids: Collection[str],
) -> Any:
    """Return which rows are asked for, None for all."""
    masks = []
    if since is not None:
        masks.append(pc.greater_equal(batch.column("received_at"), pa.scalar(since)))
    if until is not None:
        masks.append(pc.less(batch.column("received_at"), pa.scalar(until)))
    if ids:
        masks.append(pc.is_in(batch.column("id"), pa.array(sorted(ids), pa.string())))
    found = None
    for mask in masks:
        found = mask if found is None else pc.and_(found, mask)
    return found


def _us(at: datetime) -> int:
    return (at.astimezone(UTC) - EPOCH) // _MICROSECOND


def _ignore(unread: Unread) -> None:
    """Nobody asked."""
