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
    sender_columns,
)
from features.content import Content
from features.headers import Headers
from features.links import Links
from features.message import Message
from features.schema import Feature, Schema, schema_of

__all__ = ["SCHEMA", "Feature", "Schema", "schema_table", "vectorize"]

_MESSAGE: Final = (
    *header_columns.COLUMNS,
    *authentication_columns.COLUMNS,
    *content_columns.COLUMNS,
    *link_columns.COLUMNS,
    *attachment_columns.COLUMNS,
)

# Revisions of how numbers are worked out; tests/features/test_vector_frozen.py watches them.
_MESSAGE_REVISION = 1
_SENDER_REVISION = 0

SCHEMA: Final = schema_of(
    message=(_MESSAGE, _MESSAGE_REVISION), sender=(sender_columns.COLUMNS, _SENDER_REVISION)
)
"""What the vector holds, in order. A model trained on another schema of its part is refused."""

_UNREAD: Final = (float("nan"),) * len(sender_columns.COLUMNS)


def vectorize(
    message: Message,
    headers: Headers,
    authentication: Authentication,
    content: Content,
    links: Links,
    attachments: Attachments,
) -> NDArray[np.float32]:
    """Return the message's numbers, float32 of shape (len(SCHEMA.features),), NaN where missing.

    The sender part is missing: what is known of the sender isn't in the message.
    """
    return np.array(
        [
            *header_columns.values(message, headers),
            *authentication_columns.values(authentication),
            *content_columns.values(message, content),
            *link_columns.values(content, links),
            *attachment_columns.values(attachments),
            *_UNREAD,
        ],
        dtype=np.float32,
    )


def schema_table() -> str:
    """Return the schema as docs/features.md shows it."""
    return f"Digest `{SCHEMA.digest}`, {len(SCHEMA.features)} features in two parts.\n" + "".join(
        f"\n## Part `{part.name}`\n\n"
        f"Digest `{part.digest}`, {len(part.features)} features.\n\n"
        "| feature | unit | what | routing or identity |\n| --- | --- | --- | --- |\n"
        + "\n".join(_row(feature) for feature in part.features)
        + "\n"
        for part in SCHEMA.parts
    )


def _row(feature: Feature) -> str:
    routing = "yes" if feature.routing else ""
    return f"| `{feature.name}` | {feature.unit} | {feature.what} | {routing} |"
