"""The feature vector: the schema of all numbers, and the one place where they are put together."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.attachments import Attachments
from features.authentication import Authentication
from features.columns import (
    attachment_columns,
    authentication_columns,
    content_columns,
    header_columns,
    link_columns,
)
from features.content import Content
from features.headers import Headers
from features.links import Links
from features.message import Message
from features.schema import Feature, Schema, digest_of

__all__ = ["SCHEMA", "Feature", "Schema", "schema_table", "vectorize"]

_FEATURES: Final = (
    *header_columns.COLUMNS,
    *authentication_columns.COLUMNS,
    *content_columns.COLUMNS,
    *link_columns.COLUMNS,
    *attachment_columns.COLUMNS,
)

_REVISION = 1  # of how numbers are worked out; tests/features/test_vector_frozen.py watches it

SCHEMA: Final = Schema(_FEATURES, digest_of(_FEATURES, _REVISION))
"""What the vector holds, in order. A model trained on another schema is refused."""


def vectorize(
    message: Message,
    headers: Headers,
    authentication: Authentication,
    content: Content,
    links: Links,
    attachments: Attachments,
) -> NDArray[np.float32]:
    """Return the message's numbers, float32 of shape (len(SCHEMA.features),), NaN where missing."""
    return np.array(
        [
            *header_columns.values(message, headers),
            *authentication_columns.values(authentication),
            *content_columns.values(message, content),
            *link_columns.values(content, links),
            *attachment_columns.values(attachments),
        ],
        dtype=np.float32,
    )


def schema_table() -> str:
    """Return the schema as docs/features.md shows it."""
    rows = "\n".join(
        f"| `{it.name}` | {it.unit} | {it.what} | {'yes' if it.routing else ''} |"
        for it in SCHEMA.features
    )
    return (
        f"Digest `{SCHEMA.digest}`, {len(SCHEMA.features)} features.\n\n"
        "| feature | unit | what | routing or identity |\n| --- | --- | --- | --- |\n" + rows + "\n"
    )
