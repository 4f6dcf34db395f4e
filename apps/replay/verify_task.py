"""Verification as a task that any process can do a part of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from apps.replay.materials import Materials
from apps.replay.model_history import ModelHistory
from apps.replay.opening import patient_sandbox
from apps.replay.reading import kept_in
from apps.replay.verify_result import VerifyResult
from apps.replay.verifying import Verifier
from apps.subscriber.recorded import Recorded
from streams.settings import Settings

__all__ = ["VerifyTask"]


@dataclass(frozen=True, slots=True)
class VerifyTask:
    """Verifies stretches (apps.replay.workers.Task); `history` is the folder of a ModelHistory.

    `archive` is the URL of an archive that keeps policies and artifacts, "" for none.
    """

    settings: Settings
    history: str
    archive: str = ""

    def open(self) -> Callable[[Sequence[Recorded]], VerifyResult]:
        """Open what verifying needs; what is returned verifies a stretch."""
        materials = Materials(
            self.settings, ModelHistory(Path(self.history)), kept_in(self.archive)
        )
        verifier = Verifier(materials, patient_sandbox(self.settings))

        def verify(block: Sequence[Recorded]) -> VerifyResult:
            """Add up what came of each."""
            found = VerifyResult()
            for recorded, checked in zip(block, verifier.verify(block), strict=True):
                found.add(recorded, checked)
            return found

        return verify

    def dump(self, tally: VerifyResult) -> bytes:
        """Return a result as bytes."""
        return msgspec.json.encode(tally)

    def load(self, state: bytes) -> VerifyResult:
        """Return the result of bytes that `dump` made."""
        return msgspec.json.decode(state, type=VerifyResult)
