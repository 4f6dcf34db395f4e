"""The store of an embedded installation: in memory, and what others ask of it in a file."""

from collections.abc import Sequence
from pathlib import Path

from streams.settings import Settings
from streams.stores.label_state import LabelChange
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, Move
from streams.stores.told import Told

__all__ = ["ToldStore", "state_path"]

_HOUR = 3600.0


def state_path(settings: Settings) -> Path:
    """Return the file of an embedded installation's state."""
    return Path(settings.embedded.folder) / "state"


class ToldStore(MemoryStore):
    """A memory store, with the settings' times and budgets, whose state is in a file.

    It tells streams.stores.told of judged messages and of what is heard of them. Raises
    LayoutError or StoreError, one line each, for files that it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.worker.records_hours * _HOUR,
            letter_seconds=settings.topics.deadletter_hours * _HOUR,
            path=state_path(settings),
            shards=settings.state.shards,
            budgets=settings.state.of_kinds(),
        )
        self._told = Told(settings)

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move] = ()) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        in_force = await super().record(kept, outcomes)
        self._told.judged(kept)
        return in_force

    async def keep_labels(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False, and nothing changed, where `expected` isn't so."""
        kept = await super().keep_labels(change)
        if kept:
            self._told.heard(change)
        return kept

    async def close(self) -> None:
        """Write the state's file, and close the other."""
        try:
            await super().close()
        finally:
            self._told.close()
