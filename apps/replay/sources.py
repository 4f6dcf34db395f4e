"""What SOURCE means: an archive, a stretch of the topics, or files of mail."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import click

from apps.cli.moment import Moment
from streams.settings import Settings

__all__ = ["ArchiveSource", "FileSource", "Source", "SourceError", "TopicSource", "parse_source"]

_TOPIC: Final = re.compile(
    r"topic(?::(?P<partitions>[0-9]{1,6}(?:,[0-9]{1,6})*))?"
    r"(?:@(?P<first>[^.@]*(?:\.(?!\.)[^.@]*)*)\.\.(?P<last>[^@]*))?"
)
_SHOWN: Final = 200
_OFFSET: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class SourceError(ValueError):
    """A SOURCE can't be understood: one line with what was given and what is allowed."""


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """An archive, from `since` to before `until` (times of receipt)."""

    url: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TopicSource:
    """The topic of verdicts: partitions (all where empty), from `first` to before `last`.

    Offsets, or times at which the log took the verdicts; None is the end of what there is.
    """

    partitions: tuple[int, ...] = ()
    first: int | datetime | None = None
    last: int | datetime | None = None


@dataclass(frozen=True, slots=True)
class FileSource:
    """Mail in files: mbox, Maildir, folders, an index; for what needs no verdict."""

    paths: tuple[str, ...]


Source = ArchiveSource | TopicSource | FileSource


def parse_source(text: str, settings: Settings) -> Source:
    """Return what a SOURCE names; "" is the archive of the settings, else the topic.

    A time may be a time ago (36h, 7d, 2w). Raises SourceError.
    """
    kind, colon, rest = text.partition(":")
    url = archive_url(settings)
    found: Source | None = None
    if (kind == "archive" and colon) or kind in {"s3", "file"} or _is_archive(text):
        found = ArchiveSource(rest if kind == "archive" else text)
    elif re.match(r"topic(?![^:@])", text):
        found = _topic(text)
    elif kind == "last" and colon:
        since = _time(rest, text)
        found = ArchiveSource(url, since) if url else TopicSource((), since)
    elif not text:
        found = ArchiveSource(url) if url else TopicSource()
    elif text == "-" or os.path.exists(text):  # noqa: PTH110 - never raises
        found = FileSource((text,))
    if found is None:
        raise SourceError(
            f"{text[:_SHOWN]!r} given; allowed: archive:URL or an archive's folder, last:7d, "
            "topic[:P,P][@FROM..TO] with offsets or times, for re-live also files of mail"
        )
    return found


def _is_archive(path: str) -> bool:
    return os.path.isdir(os.path.join(path, "manifest"))  # noqa: PTH112, PTH118 - never raises


def archive_url(settings: Settings) -> str:
    """Return where the archive of an installation lies, "" where it has none."""
    return settings.archive.url


def _topic(text: str) -> TopicSource:
    found = _TOPIC.fullmatch(text)
    if found is None:
        raise SourceError(
            f"{text[:_SHOWN]!r} given; allowed: topic, topic:0,3, topic@1000..2000, "
            "topic:0@2025-11-20T08:00..2025-11-21, topic@2d.."
        )
    partitions = tuple(int(it) for it in (found["partitions"] or "").split(",") if it)
    first, last = (_bound(found[name] or "", text) for name in ("first", "last"))
    return TopicSource(partitions, first, last)


def _bound(given: str, text: str) -> int | datetime | None:
    if not given:
        return None
    return int(given) if _OFFSET.fullmatch(given) else _time(given, text)


def _time(given: str, text: str) -> datetime:
    try:
        return Moment().convert(given, None, None)
    except click.UsageError as error:
        raise SourceError(f"{text[:_SHOWN]!r}: {error.message}") from None
