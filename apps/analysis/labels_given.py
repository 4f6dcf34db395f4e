"""What was said of a message since: labels, as the state counts them, else as they are archived."""

from collections.abc import Sequence
from datetime import UTC, datetime

from redis.exceptions import RedisError

from apps.analysis.story import LabelTold
from apps.labels.heard import LabelStatus, statuses
from apps.replay.materials import Kept
from apps.subscriber.archive.reading import Archive
from models.label import Label, Target
from streams.label_records import canonical
from streams.labels.asking import open_answers
from streams.settings import Settings
from streams.stores.protocol import StoreError

__all__ = ["labels_given"]


async def labels_given(
    settings: Settings, message: str, kept: Kept | None
) -> tuple[Sequence[LabelTold], str]:
    """Return the labels of a message, and why they aren't all known, '' where they are."""
    try:
        async with open_answers(settings) as answers:
            [found] = await statuses(answers.counted, answers.paths, [message], [[]])
    except (RedisError, StoreError) as error:
        told = _archived(kept, message)
        where = ": what is archived is told" if isinstance(kept, Archive) else ""
        return told, f"what is counted couldn't be asked ({type(error).__name__}){where}"
    counted = [label for each in found if (label := _told(each))]
    known = {each.label for each in counted}
    return [*counted, *(it for it in _archived(kept, message) if it.label not in known)], ""


def _told(status: LabelStatus) -> LabelTold | None:
    voice = status.voice
    if voice is None or voice.given.truth is None:
        return None
    return LabelTold(
        status.label,
        voice.given.truth,
        voice.given.source,
        datetime.fromtimestamp(voice.given.at, UTC),
        status.stands,
        voice.weight if status.stands else 0.0,
    )


def _archived(archive: Kept | None, message: str) -> list[LabelTold]:
    """Return the archived labels that name the message by its id, or by a token."""
    if not isinstance(archive, Archive):
        return []
    target = canonical(Target(id=message))
    found: dict[str, Label] = {}
    for kept in archive.labels():
        if kept.target == target or (kept.label.retracts and kept.label.retracts in found):
            found[kept.label.id] = kept.label
    taken = {each.retracts for each in found.values()}
    return [
        LabelTold(each.id, each.truth, each.source, each.given_at, each.id not in taken)
        for each in found.values()
        if each.truth is not None
    ]
