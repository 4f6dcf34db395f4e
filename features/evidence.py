"""All that one pass over a message found: the input of models and detectors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.attachments import Attachments, read_attachments
from features.authentication import Authentication, read_authentication
from features.content import Content, read_content
from features.context import Context
from features.envelope import Envelope, Incoming
from features.fingerprint import fingerprint
from features.headers import Headers, read_headers
from features.history import UNKNOWN, History
from features.links import Links, read_links
from features.message import Message, parse
from features.opened import NOTHING_OPENED, File, Inside, look_inside
from features.sender import Touches, touches
from features.vector import SCHEMA, vectorize

__all__ = ["Evidence", "examine", "extract"]

_SENDER = SCHEMA.part("sender").slice


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A parsed message, what each subject found in it, and the numbers made of that.

    `vector` is float32, one value a feature of `features.vector.SCHEMA`, NaN where missing. The
    sender part is `history`: missing until the state was read (`with_history`). `touches` is what
    to add to the state, and to ask it. `opened` is what was found inside attachments that the
    shell opened (`with_opened`).
    """

    envelope: Envelope
    message: Message
    headers: Headers
    authentication: Authentication
    content: Content
    links: Links
    attachments: Attachments
    fingerprint: str
    vector: NDArray[np.float32]
    flags: tuple[str, ...]
    touches: Touches
    history: History = UNKNOWN
    opened: tuple[Inside, ...] = NOTHING_OPENED

    def with_history(self, history: History) -> "Evidence":
        """Return the evidence with what is known of the sender, in a vector of its own."""
        vector = self.vector.copy()
        vector[_SENDER] = history.numbers
        return replace(self, vector=vector, history=history)

    def with_opened(self, files: Sequence[File]) -> "Evidence":
        """Return the evidence with what was found inside attachments; no number changes."""
        return replace(self, opened=look_inside(files, self.headers))


def extract(incoming: Incoming, context: Context) -> Evidence:
    """Read a message once; whatever its bytes are, the result is complete and nothing raises."""
    return examine(incoming, parse(incoming.raw, context.limits), context)


def examine(incoming: Incoming, message: Message, context: Context) -> Evidence:
    """Read each subject of a parsed message; nothing raises."""
    headers = read_headers(message, incoming.envelope, context)
    authentication = read_authentication(headers, message, incoming.envelope, context)
    content = read_content(message, headers, context.limits)
    links = read_links(content, headers, incoming.envelope, context.limits)
    attachments = read_attachments(message, context.limits)
    content_key = fingerprint(content, links, attachments)
    touched = touches(
        incoming.envelope,
        message,
        headers,
        authentication,
        links,
        attachments,
        content_key,
        context,
    )
    return Evidence(
        envelope=incoming.envelope,
        message=message,
        headers=headers,
        authentication=authentication,
        content=content,
        links=links,
        attachments=attachments,
        fingerprint=content_key,
        vector=vectorize(message, headers, authentication, content, links, attachments),
        flags=(*incoming.flags, *message.flags, *content.flags, *touched.flags),
        touches=touched,
    )
