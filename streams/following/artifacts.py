"""Artifacts opened for a worker: read, checked by digest and made ready off the event loop."""

import asyncio
from pathlib import Path

from detectors.stack import Stack
from features.context import Context
from features.tokens import layout
from features.vector import SCHEMA
from models.classifier import Classifier
from models.ensemble import Ensemble
from models.snapshot import Snapshot, load
from streams.model_records import Pointer
from streams.registry import Registry, open_classifier
from streams.snapshots import latest_good, newest_first

__all__ = ["Artifacts"]


class Artifacts:
    """What pointers name, from the folder or from Redis.

    All methods raise ArtifactError, one line, for what isn't there, is damaged or doesn't fit.
    """

    def __init__(self, registry: Registry, folder: str, context: Context, stack: Stack) -> None:
        self._registry = registry
        self._folder = folder
        self._context = context
        self._stack = stack

    async def online(self, pointer: Pointer) -> tuple[Ensemble, Snapshot]:
        """Return the online models of a snapshot, and what it says of itself."""
        content = await self._registry.get(pointer)
        return await asyncio.to_thread(self._restored, content)

    async def latest(self, above: int = -1) -> Snapshot | None:
        """Return the last good snapshot of the folder, None where no name is above a sequence."""
        return await asyncio.to_thread(self._latest, above) if self._folder else None

    async def restored(self, known: Snapshot) -> Ensemble:
        """Return the online models of a snapshot."""
        return await asyncio.to_thread(self._of, known)

    async def fresh(self) -> Ensemble:
        """Return online models that have learned nothing."""
        return await asyncio.to_thread(self._fresh)

    async def classifier(self, pointer: Pointer) -> Classifier:
        """Return a classifier, its session open."""
        content = await self._registry.get(pointer)
        return await asyncio.to_thread(open_classifier, content)

    def _latest(self, above: int) -> Snapshot | None:
        folder = Path(self._folder)
        names = (path.stem.rpartition("-")[2] for path in newest_first(folder))
        if not any(int(sequence) > above for sequence in names):
            return None  # told by the names: none is opened
        found = latest_good(folder, self._context, lambda _: None)
        return found[1] if found else None

    def _restored(self, content: bytes) -> tuple[Ensemble, Snapshot]:
        known = load(content, schema=SCHEMA.digest, layout=layout(self._context))
        return self._of(known), known

    def _of(self, known: Snapshot) -> Ensemble:
        models = self._fresh()
        models.restore(known.states, known.digest[:12], known.sequence)
        return models

    def _fresh(self) -> Ensemble:
        return Ensemble.fresh(self._stack.fresh_fusion())
