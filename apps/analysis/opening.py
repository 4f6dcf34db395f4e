"""The archive that a question goes to."""

from collections.abc import Callable

from apps.replay.sources import ArchiveSource, SourceError, parse_source
from apps.subscriber.archive.reading import Archive
from apps.subscriber.recorded import Unread
from streams.settings import Settings

__all__ = ["open_archive"]


def open_archive(settings: Settings, source: str, told: Callable[[Unread], None]) -> Archive:
    """Open the archive that SOURCE names, "" being that of the settings.

    `told` hears of files that can't be read. Raises SourceError where it names none, ArchiveError
    where none is there.
    """
    found = parse_source(source, settings)
    if isinstance(found, ArchiveSource):
        if found.since is not None:
            raise SourceError(f"{source!r}: a question names its own times, in WHERE")
        return Archive.open(found.url, told)
    raise SourceError(
        f"{source!r} is no archive; wanted: archive:URL, or the folder of one"
        if source
        else "this installation has no archive: set archive.url and run `weir archive run`, or "
        "name one by --source archive:URL"
    )
