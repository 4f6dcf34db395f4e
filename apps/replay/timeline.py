"""The online models as they were at any sequence: a snapshot, and the steps published since.

Verdicts of several workers come with sequences that go to and fro a little, so that a few states
are kept and led on; what lies before all of them begins at a snapshot again.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from apps.replay.model_history import ModelHistory
from detectors.stack import Stack
from features.context import Context
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import VOTERS, Ensemble
from models.manifest import ArtifactError
from models.snapshot import load
from streams.model_records import Pointer

__all__ = ["BY_VECTOR", "MissingModelsError", "Timeline"]

BY_VECTOR: Final = ("counts", "behaviour")
"""The models that read nothing but the vector: what a replay without the mail can ask again."""

_STATES: Final = 2  # kept at a time: each with the text model takes some 50 MB


class MissingModelsError(RuntimeError):
    """A state of the online models can't be had: one line with what is missing."""


class Timeline:
    """Gives the online models of a version; `artifact` reads what a pointer names.

    `names` chooses the models: without the text model a state is small and steps are cheap. The
    fusion is always there. `artifact` raises ArtifactError for what isn't there.
    """

    def __init__(
        self,
        history: ModelHistory,
        artifact: Callable[[Pointer], bytes],
        context: Context,
        stack: Stack,
        *,
        names: Collection[str] = VOTERS,
    ) -> None:
        self._history = history
        self._artifact = artifact
        self._stack = stack
        self._names = tuple(names)
        self._layout = layout(context)
        self._states: list[Ensemble] = []  # the one used last comes last
        self._unreadable: dict[str, str] = {}

    def at(self, digest: str, sequence: int) -> Ensemble:
        """Return the models that verdicts name `...@digest+sequence`; raises MissingModelsError.

        They are the timeline's own, and stand there until the next call.
        """
        if self._states and self._states[-1].sequence == sequence:  # as most of a stretch
            self._states[-1].digest = digest
            return self._states[-1]
        models = self._nearest(sequence) or self._restored(digest, sequence)
        self._states = [it for it in self._states if it is not models]
        try:
            for at, step in self._history.steps(models.sequence, sequence):
                models.apply(step)
                models.sequence = at
        except (ValueError, msgspec.DecodeError) as error:
            raise MissingModelsError(
                f"online models @{digest}+{sequence}: step {models.sequence + 1}: {error}"
            ) from None
        models.digest, models.sequence = digest, sequence
        self._states = [*self._states, models][-_STATES:]
        return models

    def _nearest(self, sequence: int) -> Ensemble | None:
        """Return the kept state from which the fewest steps lead to a sequence."""
        fitting = [
            it
            for it in self._states
            if it.sequence <= sequence and self._missing(it.sequence, sequence) is None
        ]
        return max(fitting, key=lambda models: models.sequence, default=None)

    def _restored(self, digest: str, sequence: int) -> Ensemble:
        pointers = {
            it.digest: it
            for it in self._history.pointers
            if it.model == "online" and it.sequence <= sequence
            if it.stage == "live" or it.digest.startswith(digest)
        }
        complaint = ""
        for pointer in sorted(pointers.values(), key=lambda it: -it.sequence):
            missing = self._missing(pointer.sequence, sequence)
            if missing is not None:
                complaint = complaint or f"step {missing} isn't kept"
                continue
            models = self._load(pointer)
            if models is not None:
                return models
            complaint = complaint or self._unreadable[pointer.digest]
        missing = self._missing(0, sequence)
        if missing is None:
            return self._fresh()
        complaint = complaint or f"no snapshot of it is kept, and step {missing} isn't either"
        raise MissingModelsError(f"online models @{digest}+{sequence}: {complaint}")

    def _load(self, pointer: Pointer) -> Ensemble | None:
        if pointer.digest in self._unreadable:
            return None
        try:
            known = load(self._artifact(pointer), schema=SCHEMA.digest, layout=self._layout)
            models = self._fresh()
            models.restore(known.states, known.digest[:12], known.sequence)
        except ArtifactError as error:
            self._unreadable[pointer.digest] = str(error)
            return None
        return models

    def _fresh(self) -> Ensemble:
        return Ensemble.fresh(self._stack.fresh_fusion(), self._names)

    def _missing(self, start: int, end: int) -> int | None:
        return self._history.missing(start, end, SCHEMA.digest, self._layout)
