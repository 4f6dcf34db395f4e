"""What an archive holds, for people and programs."""

from typing import Any

from apps.subscriber.archive.manifest import KINDS, Range
from apps.subscriber.archive.reading import Archive

__all__ = ["described"]


def described(url: str) -> dict[str, Any]:
    """Return files, rows, bytes and times by kind, where each partition ends, and what was lost.

    Times are RFC 3339, None for a kind without files. Raises ArchiveError where there is none.
    """
    archive = Archive.open(url)
    kinds = {}
    for kind in KINDS:
        files = archive.manifest.of(kind)
        kinds[kind] = {
            "files": len(files),
            "rows": sum(file.rows for file in files),
            "bytes": sum(file.bytes for file in files),
            "since": min((file.since.isoformat() for file in files), default=None),
            "until": max((file.until.isoformat() for file in files), default=None),
        }
    ends = sorted(archive.manifest.ends.items())
    return {
        "url": archive.storage.url,
        "kinds": kinds,
        "ends": {f"{topic}:{partition}": end for (topic, partition), end in ends},
        "lost": [_said(part) for part in archive.manifest.lost],
        "entries": len(archive.manifest.names),
        "overtaken": len(archive.manifest.overtaken),
    }


def _said(part: Range) -> str:
    return f"{part.topic}:{part.partition} offsets {part.after:,} to {part.first - 1:,}"
