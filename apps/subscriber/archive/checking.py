"""Every file of an archive read whole: what is missing or damaged."""

from typing import NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.parquet import batches
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import ArchiveError
from apps.subscriber.recorded import Unread

__all__ = ["Checked", "checked"]


class Checked(NamedTuple):
    """How much was read, and one line for each thing that is missing or damaged."""

    files: int
    rows: int
    complaints: list[str]


def checked(url: str) -> Checked:
    """Read an archive whole; page checksums tell damage. Raises ArchiveError where there is none.

    A policy that verdicts name and no file keeps is a complaint too.
    """
    unread: list[Unread] = []
    archive = Archive.open(url, unread.append)
    complaints = []
    rows = 0
    policies: set[str] = set()
    for file in archive.manifest.files.values():
        found = 0
        try:
            for batch in batches(archive.storage, file):
                found += batch.num_rows
                if file.kind == "verdicts":
                    policies |= set(batch.column("policy").unique().to_pylist())
        except (OSError, pa.ArrowException) as error:
            complaints.append(f"{file.path}: {' '.join(str(error).split())[:200]}")
            continue
        rows += found
        if found != file.rows:
            complaints.append(f"{file.path}: {found:,} rows, {file.rows:,} wanted")
    complaints += _missing(archive, policies)
    return Checked(len(archive.manifest.files), rows, complaints)


def _missing(archive: Archive, policies: set[str]) -> list[str]:
    complaints = []
    for digest in sorted(policies - {"", None}):
        try:
            if archive.policy(digest) is None:
                complaints.append(f"policy {digest} isn't kept: its verdicts can't be verified")
        except ArchiveError as error:
            complaints.append(str(error))
    for held in archive.storage.listed("artifacts"):
        try:
            archive.artifact(held.path.rpartition("/")[2])
        except ArchiveError as error:
            complaints.append(str(error))
    return complaints
