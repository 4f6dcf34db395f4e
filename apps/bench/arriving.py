"""Mail of a benchmark as it comes onto the mail log."""

from datetime import UTC, datetime

from msgspec.structs import replace

from features.envelope import Envelope
from streams.wire import Record, message_record

__all__ = ["arriving"]


def arriving(topic: str, envelope: Envelope, raw: bytes) -> Record:
    """Return a message that is received now as a record for the topic."""
    now = datetime.now(UTC)
    received = replace(envelope, received_at=now)
    return message_record(topic, received, raw, source="/weir/bench", now=now)
