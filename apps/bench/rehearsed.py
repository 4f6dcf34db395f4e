"""A stream prepared once and judged many times: what a message shows by itself stays the same."""

from collections.abc import Sequence

from apps.evaluation.parts import open_offline
from apps.evaluation.stream import Item
from detectors.judging import Prepared
from features.envelope import Incoming
from streams.offline import Offline
from streams.settings import Settings

__all__ = ["Rehearsal"]


class Rehearsal:
    """Prepares each message of a stream once, with the models' tokens and what it has attached."""

    def __init__(self, settings: Settings, items: Sequence[Item]) -> None:
        self._settings = settings
        offline = open_offline(settings)
        self._prepared = {
            item.incoming.envelope.id: offline.prepare([item.incoming])[0] for item in items
        }

    def offline(self) -> Offline:
        """Return Weir with all its parts, from nothing, for messages of the stream alone."""
        return _Rehearsed(open_offline(self._settings), self._prepared)


class _Rehearsed(Offline):
    def __init__(self, offline: Offline, prepared: dict[str, Prepared]) -> None:
        super().__init__(offline.core, offline.state)
        self._prepared = prepared

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Return what was prepared of the messages; KeyError for another stream's."""
        return [self._prepared[incoming.envelope.id] for incoming in batch]
