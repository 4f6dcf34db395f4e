"""All verdicts on one message, and its mail where that is kept: in an archive or in the topics."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from apps.replay.materials import Kept
from apps.replay.model_history import ModelHistory
from apps.replay.reading import open_reading
from apps.replay.sources import ArchiveSource, Source, SourceError, TopicSource
from apps.replay.topic_reading import kept_mail
from apps.subscriber.archive.reading import Archive, Told
from apps.subscriber.recorded import KeptMail, Recorded, Unread
from detectors.record import decode
from detectors.verdict import LogPlace, Verdict
from features.envelope import LogPosition
from streams.labels.finding import CLOCK_AHEAD_MS, made_at
from streams.labels.mail_log import open_mail_log, partition_of
from streams.settings import Settings
from streams.topics import check, name

__all__ = ["Dossier", "find"]

_BACK: Final = timedelta(days=8)  # a time of receipt lies at most 7 days before the log's
_AHEAD: Final = timedelta(days=1)


class Dossier(NamedTuple):
    """The verdicts on one message by their events, the first given first, and where they lay.

    `mail` is its message, where that is kept. `history` is what mail.models said, and `kept` what
    the source keeps of policies and artifacts; None where they weren't asked for.
    """

    place: str
    verdicts: tuple[tuple[Recorded, Verdict], ...]
    mail: KeptMail | None
    history: ModelHistory | None
    kept: Kept | None

    @property
    def in_force(self) -> tuple[Recorded, Verdict]:
        """The verdict of the highest revision; of these the first that isn't a hook's own."""
        return max(
            reversed(self.verdicts), key=lambda it: (it[1].revision, it[1].kind != "fallback")
        )


async def find(
    settings: Settings,
    source: Source,
    ident: str,
    folder: Path | None = None,
    told: Told | None = None,
) -> Dossier | None:
    """Return what there is of a message, None where the source has no verdict on it.

    With `folder` what mail.models said is written there. `told` hears of what can't be read, and
    is passed over. Raises SourceError for files of mail,
    ArchiveError or TopicError where the source can't be read.
    """
    match source:
        case ArchiveSource():
            return await _in_archive(settings, source, ident, folder, told)
        case TopicSource():
            return await _in_topic(settings, source, ident, folder, told)
        case _:
            raise SourceError("files of mail hold no verdicts: `weir check --explain` judges them")


async def _in_archive(
    settings: Settings,
    source: ArchiveSource,
    ident: str,
    folder: Path | None,
    told: Told | None,
) -> Dossier | None:
    archive = Archive.open(source.url, told)
    made = made_at(ident)
    found: list[tuple[Recorded, Verdict]] = []
    if made is not None and source.since is None and source.until is None:
        at = datetime.fromtimestamp(made / 1000, UTC)
        found = _verdicts(archive, ident, at - _BACK, at + _AHEAD)
    found = found or _verdicts(archive, ident, source.since, source.until)
    if not found:
        return None
    at = found[0][1].received_at
    again = archive.recorded(since=at, until=at + timedelta(microseconds=1), ids=[ident], mail=True)
    mail = next((each.mail for each in again if each.mail is not None), None)
    history = None
    if folder is not None:
        async with open_reading(settings, source, mail=False) as reading:
            history = await reading.history(folder)
    return Dossier(f"archive {archive.storage.url}", tuple(found), mail, history, archive)


def _verdicts(
    archive: Archive, ident: str, since: datetime | None, until: datetime | None
) -> list[tuple[Recorded, Verdict]]:
    recorded = archive.recorded(since=since, until=until, ids=[ident])
    return [(each, verdict) for each in recorded if (verdict := _read(each, ident))]


async def _in_topic(
    settings: Settings,
    source: TopicSource,
    ident: str,
    folder: Path | None,
    told: Told | None,
) -> Dossier | None:
    counts = await check(settings)
    count = counts[name(settings, "verdicts")]
    made = made_at(ident)
    first = source.first
    if first is None and made is not None:
        first = datetime.fromtimestamp(max(0, made - CLOCK_AHEAD_MS) / 1000, UTC)
    own = partition_of(ident, count)
    others = tuple(number for number in range(count) if number != own)
    found: dict[str, tuple[Recorded, Verdict]] = {}
    history, kept = None, None
    # A key's partition is another one where their number has changed.
    for partitions in (source.partitions,) if source.partitions else ((own,), others):
        if not partitions or found:
            continue
        narrowed = TopicSource(partitions, first, source.last)
        async with open_reading(settings, narrowed, mail=False) as reading:
            async for stretch in reading.stretches({}):
                for unread in stretch.unread:
                    _tell(unread, told)
                for each in stretch.recorded:
                    if verdict := _read(each, ident):
                        found.setdefault(each.event, (each, verdict))
            if found and folder is not None:
                history = await reading.history(folder)
            kept = reading.kept
    if not found:
        return None
    log = next((verdict.log for _, verdict in found.values() if verdict.log), None)
    mail = await _mail(settings, log, counts[name(settings, "messages")])
    place = f"topic {name(settings, 'verdicts')}"
    return Dossier(place, tuple(found.values()), mail, history, kept)


def _tell(unread: Unread, told: Told | None) -> None:
    if told is not None:
        told(unread)


async def _mail(settings: Settings, log: LogPlace | None, partitions: int) -> KeptMail | None:
    """Return the message at a place of the mail log, None where it is gone."""
    if log is None:
        return None
    place = LogPosition(log.epoch, log.partition, log.offset)
    async with open_mail_log(settings, log.epoch, partitions) as opened:
        arrival = (await opened.messages([place])).get(place)
    return None if arrival is None else kept_mail(arrival)


def _read(recorded: Recorded, ident: str) -> Verdict | None:
    """Return a record as a verdict on that message; most needn't be read."""
    if ident.encode() not in recorded.value:
        return None
    try:
        verdict = decode(recorded.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return verdict if verdict.id == ident else None
