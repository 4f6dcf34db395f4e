"""Whether the classifier was trained on the very mail that it is evaluated on."""

from importlib.resources import files
from pathlib import Path

from apps.training.trained_on import FILE, mark_of, unpack
from models.classifier import Classifier
from models.manifest import digest
from streams.settings import Settings

__all__ = ["Leak"]


class Leak:
    """Counts evaluated messages that are among a classifier's training mail.

    `known` is False where the classifier comes without a list of its training mail, or with
    another one than its manifest names: then nothing can be told. Copies that were changed on the
    way (other header fields, another charset) aren't found.
    """

    def __init__(self, settings: Settings, classifier: Classifier | None) -> None:
        self.found = 0
        content = b"" if classifier is None else _list_of(settings)
        wanted = "" if classifier is None else classifier.manifest.trained_on
        self.known = classifier is None or (bool(wanted) and digest(content) == wanted)
        self._marks = unpack(content) if self.known else frozenset()

    def look(self, raw: bytes) -> bool:
        """Count a message as it comes in a file; tell whether it is among the training mail."""
        found = bool(self._marks) and mark_of(raw) in self._marks
        self.found += found
        return found


def _list_of(settings: Settings) -> bytes:
    folder = settings.models.classifier
    try:
        if folder:
            return (Path(folder) / FILE).read_bytes()
        return (files("models") / "artifacts" / FILE).read_bytes()
    except OSError:
        return b""
