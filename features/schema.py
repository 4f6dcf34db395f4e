"""The feature schema's types: named numbers with units, in order, under one digest."""

import hashlib
from dataclasses import dataclass

__all__ = ["Feature", "Schema", "digest_of"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One number: `name` as group.name, `unit` (count, bytes, ratio, flag, s, ...), what it says.

    `routing` marks numbers about route or identity, which the classifier doesn't read: they tell
    one corpus from another better than abuse from honest mail.
    """

    name: str
    unit: str
    what: str
    routing: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """An ordered list of features; its digest is 12 hex digits over revision, names and units."""

    features: tuple[Feature, ...]
    digest: str

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the vector's order."""
        return tuple(feature.name for feature in self.features)


def digest_of(features: tuple[Feature, ...], revision: int = 0) -> str:
    """Return the digest of a list of features; a model is bound to it.

    `revision` is raised when a number is worked out in another way under the same name.
    """
    rows = f"{revision}\n" + "\n".join(f"{feature.name}\t{feature.unit}" for feature in features)
    return hashlib.sha256(rows.encode()).hexdigest()[:12]
