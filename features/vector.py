"""The feature schema: names, units, what missing means, and one digest over all of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.attachments import Attachments
from features.authentication import Authentication
from features.content import Content
from features.headers import Headers
from features.links import Links
from features.message import Message

__all__ = ["SCHEMA", "Feature", "Schema", "vectorize"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One number: `name` as group.name, `unit` (count, bytes, ratio, flag, s, ...), what it says.

    `routing` marks numbers about route or identity, which the classifier doesn't read.
    """

    name: str
    unit: str
    what: str
    routing: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """An ordered list of features with its digest (12 hex digits of SHA-256 over names, units)."""

    features: tuple[Feature, ...]
    digest: str

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the vector's order."""
        return tuple(feature.name for feature in self.features)


SCHEMA = Schema((), "")


def vectorize(
    message: Message,
    headers: Headers,
    authentication: Authentication,
    content: Content,
    links: Links,
    attachments: Attachments,
) -> NDArray[np.float32]:
    """Return the message's numbers, float32 of shape (len(SCHEMA.features),), NaN where missing."""
    raise NotImplementedError
