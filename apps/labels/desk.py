"""What `weir label` works with: keys, the store, what finds messages and tells of labels."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from apps.labels.heard import LabelStatus, statuses
from apps.labels.intake import reporter_hash
from apps.labels.targets import Finder
from apps.labels.verdict_search import search_verdict
from features.context import Context
from models.label import Source, Target
from streams.label_records import label_id
from streams.labels.asking import Answers, open_answers
from streams.settings import Settings, read_keys
from streams.tokens import id_in

__all__ = ["Desk", "open_desk"]

_ROOM: Final = 8_192  # bytes of a label's record beside the bare message in it
_ENDS: Final = frozenset({"learned", "published", "revoked", "refused", "retracted"})
_PAUSE: Final = 0.2  # seconds


class Desk:
    """The parts, opened for one tenant."""

    def __init__(
        self,
        settings: Settings,
        context: Context,
        finder: Finder,
        answers: Answers,
        tenant: str,
    ) -> None:
        self.context = context
        self.finder = finder
        self.counted = answers.counted
        self._settings = settings
        self._known = answers.known
        self._paths = answers.paths
        self._tenant = tenant

    async def tokens(self, ids: Sequence[str]) -> list[str | None]:
        """Return the token of each message by its id, None where it isn't known.

        Raises RedisError or StoreError, and TopicError where the verdicts can't be asked.
        """
        places = await self._known.positions(ids)
        found: list[str | None] = []
        for ident, known in zip(ids, places, strict=True):
            place = known or await search_verdict(self._settings, ident)
            found.append(self.finder.token(ident, place) if place else None)
        return found

    async def statuses(
        self, names: Sequence[str], operator: str = ""
    ) -> list[tuple[str, list[LabelStatus]]]:
        """Return what is known of each label, or of each message's labels, by name.

        A message that nothing is counted of yet is asked for by what `operator` may have said.
        """
        given = [id_in(name) or name for name in names]
        who = reporter_hash(operator, self.context)
        sources: tuple[tuple[Source, str], ...] = (("analyst", who), ("trap", ""))
        derived = [
            [label_id(self._tenant, Target(id=each), source, by) for source, by in sources]
            for each in given
        ]
        found = await statuses(self.counted, self._paths, given, derived)
        return list(zip(names, found, strict=True))

    async def wait(self, labels: Sequence[str], seconds: float) -> None:
        """Wait, so long at most, until the learner has done what it does with labels."""
        until = time.monotonic() + seconds
        left = list(labels)
        while left and time.monotonic() < until:
            await asyncio.sleep(_PAUSE)
            paths = await self._paths.read(left)
            left = [
                label
                for label, path in zip(left, paths, strict=True)
                if not _ENDS & {it.stage for it in path}
            ]


@asynccontextmanager
async def open_desk(settings: Settings, tenant: str) -> AsyncIterator[Desk]:
    """Open the desk.

    Raises KeysError where the keys can't be read: hashes need the right ones; StoreError where an
    embedded installation's file can't be used.
    """
    keys = read_keys(Path(settings.privacy.keys_file))
    context = settings.context(keys)
    async with open_answers(settings) as answers:
        finder = Finder(
            answers.known,
            context,
            keys.token_key,
            lambda ident: search_verdict(settings, ident),
            tenant=tenant,
            raw_bytes=(settings.topics.message_bytes - _ROOM) * 3 // 4,
        )
        yield Desk(settings, context, finder, answers, tenant)
