"""Which classifier is live and which shadows score, as far as pointers have said.

Readers begin at a snapshot's place in the log. What was announced before it is announced again
behind it, or a worker that starts would go back to the classifier that came with it.
"""

from msgspec.structs import replace

from streams.model_records import Pointer

__all__ = ["Announced"]


class Announced:
    """Pointers in force beside the live snapshot of the online models."""

    def __init__(self) -> None:
        self._classifier: Pointer | None = None
        self._shadows: dict[str, Pointer] = {}

    def take(self, pointer: Pointer) -> None:
        """Take note of a pointer, in the order of the log."""
        if pointer.stage == "shadow":
            self._shadows[pointer.digest] = pointer
            return
        self._shadows.pop(pointer.digest, None)
        if pointer.model != "classifier":
            return
        if pointer.stage == "live":
            self._classifier = pointer
        elif self._classifier is not None and self._classifier.digest == pointer.digest:
            self._classifier = None

    def again(self, fence: int) -> list[Pointer]:
        """Return the pointers in force, as a learner of this fence announces them again."""
        live = [self._classifier] if self._classifier is not None else []
        return [replace(pointer, fence=fence) for pointer in (*live, *self._shadows.values())]
