"""Waiting until the archive has what was judged."""

import asyncio
import time

from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import ArchiveError
from apps.subscriber.received import received
from streams.settings import Settings

__all__ = ["archived"]

_PAUSE = 0.25


async def archived(settings: Settings, seconds: float) -> int | None:
    """Return how many verdicts the archive holds once it has all that are in the topic by now.

    None where time is up before. Raises TopicError where the topic can't be read.
    """
    async with received(settings, ["verdicts"]) as reception:
        ends = {tuple(place): end for place, end in (await reception.ends()).items()}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        held = await asyncio.to_thread(_held, settings.archive.url)
        if held is not None and all(held[0].get(place, 0) >= ends[place] for place in ends):
            return held[1]
        await asyncio.sleep(_PAUSE)
    return None


def _held(url: str) -> tuple[dict[tuple[str, int], int], int] | None:
    """Return where each partition ends in the archive, and its verdicts; None without one."""
    try:
        manifest = Archive.open(url).manifest
    except ArchiveError:
        return None  # it isn't begun yet
    return dict(manifest.ends), sum(file.rows for file in manifest.of("verdicts"))
