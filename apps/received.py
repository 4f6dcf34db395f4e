"""The envelope of mail that comes as a file, cut if it is over the size limit."""

from datetime import datetime
from hashlib import sha256

from msgspec.structs import replace

from apps.sources import Mail
from features.context import Limits
from features.envelope import Envelope, Truncated
from features.trace import envelope_of_file

__all__ = ["content_id", "envelope_of"]


def content_id(raw: bytes) -> str:
    """Return an id made of the message's bytes, so that judging a file twice says the same."""
    return f"sha256-{sha256(raw).hexdigest()[:32]}"


def envelope_of(mail: Mail, identifier: str, now: datetime, limits: Limits) -> Envelope:
    """Return the envelope that a message's trace fields give; `now` where they tell no time.

    What was cut from the message is said in `truncated`.
    """
    envelope = envelope_of_file(mail.raw, identifier, now, limits)
    if mail.sha256:
        return replace(envelope, truncated=Truncated(mail.size, mail.sha256))
    return envelope
