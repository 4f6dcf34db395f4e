"""What is in an archive: entries that are applied in order, each whole or not at all.

A data file counts only once an entry names it, so whatever a killed writer leaves behind counts for
nothing. An entry holds the ranges of offsets that it brings, and each says after which offset it
begins; one that doesn't begin where the archive ended, or takes away a file that isn't there, was
overtaken by another writer and is passed over as a whole. So two writers at once can't make
anything count twice, nor lose anything: who was overtaken reads on from where the archive ends.
This needs no lock and no conditional write, only that a file appears whole.
"""

import re
import secrets
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from apps.subscriber.archive.storage import ArchiveError, Storage

__all__ = ["KINDS", "SCHEMA", "DataFile", "Entry", "Kind", "Manifest", "ManifestFiles", "Range"]

Kind = Literal["verdicts", "messages", "labels", "models"]
_Moment = Annotated[datetime, Meta(tz=True)]
KINDS: Final[tuple[Kind, ...]] = ("verdicts", "messages", "labels", "models")
SCHEMA: Final = 1  # of data files and of the manifest
_REMEMBERED: Final = timedelta(days=1)  # when a file went; it is deleted before that
_FOLDER: Final = "manifest"
_NAME: Final = re.compile(r"manifest/(?P<number>[0-9]{12})-(?P<nonce>[0-9a-f]{16})\.json")


class Range(msgspec.Struct, frozen=True):
    """Offsets [first, to) of a topic's partition; `after` is where the archive ended before it.

    `first` above `after`: the offsets between were gone from the log before they were archived;
    below: the topic was created anew.
    """

    topic: str
    partition: int
    after: int
    first: int
    to: int


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file: rows of one kind, date and tenant, sorted by (received_at, place in the log).

    `path` is below the archive's root. `since` and `until` are the least and the greatest
    `received_at` (of labels and models: append time). `lacks` names fields whose time has passed.
    Raises ValueError for a path that leads elsewhere and for what is no date: an archive may be
    another's, and files are deleted by their paths.
    """

    path: str
    kind: Kind
    date: str
    tenant: str
    rows: int
    bytes: int
    since: _Moment
    until: _Moment
    schema: int = SCHEMA
    lacks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check path and date."""
        if not self.path.isprintable() or {"", ".", ".."} & {*self.path.split("/")}:
            raise ValueError("a path that isn't one below the archive")
        date.fromisoformat(self.date)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A change: `ranges` and files that came, files that went. `at` is for people.

    A checkpoint says all that held when it was written, `lost` ranges and when files had `gone`
    among it, and stands for the entries
    that it `covers`, by name; whatever else there is comes after it, also what was written before
    it and not seen.
    """

    at: _Moment
    why: str
    ranges: tuple[Range, ...] = ()
    adds: tuple[DataFile, ...] = ()
    removes: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    lost: tuple[Range, ...] = ()
    gone: dict[str, _Moment] = {}
    schema: int = SCHEMA


class Manifest:
    """The state after some entries: files by path, and where each partition's archive ends.

    `at` is when offsets last came to it.
    """

    def __init__(self) -> None:
        self.files: dict[str, DataFile] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.lost: list[Range] = []
        self.gone: dict[str, datetime] = {}
        self.at: datetime | None = None
        self.number = 0
        self.names: list[str] = []
        self.uncovered = 0
        self.overtaken: list[str] = []

    def apply(self, entry: Entry) -> bool:
        """Apply an entry; tell whether it holds, and change nothing where it doesn't."""
        if entry.covers:
            self.lost = list(entry.lost)
            self.gone = dict(entry.gone)
            self.files = {file.path: file for file in entry.adds}
            self.ends = {(part.topic, part.partition): part.to for part in entry.ranges}
            self.at = entry.at
            return True
        chained = all(
            self.ends.get((part.topic, part.partition), 0) == part.after for part in entry.ranges
        )
        if not chained or any(path not in self.files for path in entry.removes):
            return False
        for path in entry.removes:
            del self.files[path]
            self.gone[path] = entry.at
        for file in entry.adds:
            self.files[file.path] = file
        if entry.ranges:
            self.at = entry.at
        for part in entry.ranges:
            known = (part.topic, part.partition) in self.ends
            self.ends[part.topic, part.partition] = part.to
            if known and part.first > part.after:
                self.lost.append(part)
        return True

    def of(self, kind: Kind) -> list[DataFile]:
        """Return the files of a kind by date, tenant and time."""
        found = (file for file in self.files.values() if file.kind == kind)
        return sorted(found, key=lambda file: (file.date, file.tenant, file.since, file.path))

    def checkpoint(self, at: datetime) -> Entry:
        """Return an entry that says all that holds."""
        ends = sorted(self.ends.items())
        return Entry(
            at=at,
            why="checkpoint",
            ranges=tuple([Range(topic, n, to, to, to) for (topic, n), to in ends]),
            adds=tuple(self.files.values()),
            covers=tuple(self.names),
            lost=tuple(self.lost),
            gone={path: when for path, when in self.gone.items() if at - when < _REMEMBERED},
        )


class ManifestFiles:
    """The entries of a storage; what was read once isn't read again."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._entries: dict[str, Entry] = {}

    def read(self) -> Manifest:
        """Return what the archive holds now; an archive that isn't there yet holds nothing.

        Raises ArchiveError for an entry that can't be read: without it nothing after it is sure.
        """
        names = sorted(h.path for h in self._storage.listed(_FOLDER) if _NAME.fullmatch(h.path))
        try:
            self._entries = {path: self._entry(path) for path in names}
        except FileNotFoundError:  # a checkpoint stands for it now, and it was deleted
            return self.read()
        manifest = Manifest()
        base = max((path for path in names if self._entries[path].covers), default="")
        covered = {base, *self._entries[base].covers} if base else set()
        if base:
            manifest.apply(self._entries[base])
        for path in names:
            if path in covered:
                continue
            manifest.uncovered += 1
            if self._entries[path].covers:
                continue  # an earlier checkpoint: the base has what it has, or it is an entry here
            if not manifest.apply(self._entries[path]):
                manifest.overtaken.append(path)
        manifest.names = names
        if names:
            manifest.number = int(names[-1].removeprefix(f"{_FOLDER}/")[:12])
        return manifest

    def publish(self, entry: Entry, seen: Manifest) -> Manifest | None:
        """Publish an entry behind what was `seen`, and return what holds then.

        None: it was overtaken by another writer and changes nothing. Raises ArchiveError.
        """
        path = f"{_FOLDER}/{seen.number + 1:012d}-{secrets.token_hex(8)}.json"
        self._storage.write(path, msgspec.json.encode(entry))
        found = self.read()
        return None if path in found.overtaken else found

    def covered(self) -> list[tuple[str, datetime | None]]:
        """Return the entries, as last read, that a checkpoint stands for, and when they came."""
        base = max((path for path, it in self._entries.items() if it.covers), default="")
        names = set(self._entries[base].covers) if base else set()
        return [(h.path, h.changed) for h in self._storage.listed(_FOLDER) if h.path in names]

    def _entry(self, path: str) -> Entry:
        if (known := self._entries.get(path)) is not None:
            return known
        try:
            entry = msgspec.json.decode(self._storage.read(path), type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ArchiveError(f"{path}: not an entry of a manifest ({error})") from None
        if entry.schema != SCHEMA:
            raise ArchiveError(f"{path}: schema {entry.schema}; this release reads {SCHEMA}")
        return entry
