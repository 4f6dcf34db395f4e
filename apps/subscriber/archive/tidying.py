"""The archive kept in order: what has had its time goes, small files are merged."""

from datetime import datetime

from apps.subscriber.archive.compacting import compact
from apps.subscriber.archive.expiring import expire
from apps.subscriber.archive.storage import Storage
from apps.subscriber.archive.sweeping import sweep
from streams.archive_section import ArchiveSection

__all__ = ["tidy"]


def tidy(storage: Storage, section: ArchiveSection, now: datetime) -> None:
    """Expire, merge and sweep; raises ArchiveError. Harmless beside a writer."""
    expire(storage, section, now)
    compact(storage)
    sweep(storage, now)
