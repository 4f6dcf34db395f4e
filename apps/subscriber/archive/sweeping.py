"""Files that no entry names: left by a killed writer, merged into others, or expired."""

from datetime import datetime, timedelta
from typing import Final

from apps.subscriber.archive.manifest import KINDS, SCHEMA, ManifestFiles
from apps.subscriber.archive.storage import Storage

__all__ = ["GRACE", "sweep"]

GRACE: Final = timedelta(hours=1)
"""How long a file that no entry names stays: a writer is about to, or a reader has it open."""


def sweep(storage: Storage, now: datetime, grace: timedelta = GRACE) -> int:
    """Delete data files that no entry names, what a killed writer began, and covered entries.

    Those are what a checkpoint stands for. Returns how many data files went. Raises ArchiveError.
    """
    entries = ManifestFiles(storage)
    seen = entries.read()
    if seen.uncovered > 1:
        seen = entries.publish(seen.checkpoint(now), seen) or seen
    gone = 0
    for kind in KINDS:
        for held in list(storage.listed(f"{kind}/v{SCHEMA}")):
            since = seen.gone.get(held.path, held.changed)
            if held.path not in seen.files and since is not None and now - since > grace:
                storage.delete(held.path)
                gone += 1
    for folder in (*KINDS, "manifest", "policies", "artifacts"):
        for held in list(storage.listed(folder, unfinished=True)):  # mail may be in it
            if held.changed is not None and now - held.changed > grace:
                storage.delete(held.path)
    for path, changed in entries.covered():
        if changed is not None and now - changed > grace:
            storage.delete(path)
    return gone
