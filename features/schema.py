"""The feature schema's types: named numbers with units, in order, in parts with digests."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Feature", "Part", "Schema", "digest_of", "schema_of"]


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
class Part:
    """A run of features that a model may be bound to alone: places [start, stop) of the vector.

    Its digest doesn't change with the other parts.
    """

    name: str
    features: tuple[Feature, ...]
    digest: str
    start: int = 0

    @property
    def stop(self) -> int:
        """The place behind the part's last number."""
        return self.start + len(self.features)

    @property
    def slice(self) -> "slice[int, int, None]":
        """The part's places in the vector."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Schema:
    """An ordered list of features in parts; its digest is 12 hex digits over the parts' digests."""

    parts: tuple[Part, ...]
    digest: str
    features: tuple[Feature, ...] = field(init=False)
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Lay the parts' features end to end."""
        features = tuple(feature for part in self.parts for feature in part.features)
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "names", tuple(feature.name for feature in features))

    def part(self, name: str) -> Part:
        """Return a part by its name; KeyError for an unknown one."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)


def digest_of(features: Sequence[Feature], revision: int = 0) -> str:
    """Return the digest of a list of features; a model is bound to it.

    `revision` is raised when a number is worked out in another way under the same name.
    """
    rows = f"{revision}\n" + "\n".join(f"{feature.name}\t{feature.unit}" for feature in features)
    return hashlib.sha256(rows.encode()).hexdigest()[:12]


def schema_of(**parts: tuple[Sequence[Feature], int]) -> Schema:
    """Return the schema of parts given as name=(features, revision), in the vector's order."""
    made: list[Part] = []
    for name, (features, revision) in parts.items():
        start = made[-1].stop if made else 0
        made.append(Part(name, tuple(features), digest_of(features, revision), start))
    rows = "\n".join(f"{part.name}\t{part.digest}" for part in made)
    return Schema(tuple(made), hashlib.sha256(rows.encode()).hexdigest()[:12])
