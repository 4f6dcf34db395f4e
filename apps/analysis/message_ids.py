"""Which message has a Message-ID: as the state knows it, else as its mail in the archive says."""

import re

from apps.replay.sources import ArchiveSource, Source
from apps.subscriber.archive.reading import Archive, ArchiveError
from features.context import Context
from streams.labels.asking import open_answers
from streams.settings import Settings
from streams.wire import read_head

__all__ = ["id_of"]


async def id_of(
    settings: Settings, context: Context, source: Source, message_id: str, tenant: str
) -> str:
    """Return the id of a tenant's message by its Message-ID without brackets, '' for none.

    The state knows those of the last days; in an archive that keeps mail all of it is looked
    through. Raises RedisError or StoreError where the state can't be asked.
    """
    async with open_answers(settings) as answers:
        (mention,) = await answers.known.by_message_id([message_id], context, tenant)
    if mention is not None:
        return mention.id
    return _archived(source, message_id, tenant) if isinstance(source, ArchiveSource) else ""


def _archived(source: ArchiveSource, message_id: str, tenant: str) -> str:
    try:
        archive = Archive.open(source.url)
    except ArchiveError:
        return ""
    since, until = source.since, source.until
    kept = archive.files("messages", since=since, until=until, tenants=[tenant])
    if not kept:
        return ""
    wanted = f"<{message_id}>".encode()
    field = re.compile(rb"^message-id:\s*" + re.escape(wanted), re.IGNORECASE | re.MULTILINE)
    since = max(filter(None, (since, min(file.since for file in kept))))
    found = archive.recorded(since=since, until=until, tenants=[tenant], mail=True)
    for each in found:
        raw = each.mail.raw if each.mail else b""
        # Most mail hasn't it anywhere: that is told without looking for its header's end.
        if wanted in raw and field.search(re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]):
            return read_head(each.value).id
    return ""
