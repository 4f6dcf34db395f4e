"""Messages, labels and records of the models as rows of the archive."""

import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from apps.subscriber.received import Received
from features.envelope import Envelope
from models.label import Label
from streams.label_records import Refusal, canonical, read_record
from streams.wire import read_arrival

__all__ = ["Row", "label_row", "message_row", "model_row"]


class Row(NamedTuple):
    """A row by its kind's columns; by tenant and time it is filed."""

    tenant: str
    at: datetime
    values: tuple[Any, ...]


def message_row(record: Received) -> Row:
    """Return the row of a message with its envelope, filed by when it was received."""
    arrival = read_arrival(
        epoch="",
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.appended_ms,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )
    envelope: Envelope = arrival.incoming.envelope
    at = envelope.received_at
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    header = dict(reversed(record.headers)).get("weir-envelope")
    given = not {"envelope_missing", "envelope_malformed", "id_malformed"} & {
        *arrival.incoming.flags
    }
    values = (*_place(record), envelope.id if given else "", at, arrival.requeued)
    return Row(envelope.tenant, at, (*values, header, record.value))


def label_row(record: Received) -> Row:
    """Return the row of a label, filed by when the log took it.

    The bytes of a message that a label brought are left out: `target` has their SHA-256. A command
    has its bytes alone, a refused record not even these: a message may be among them.
    """
    at = _appended(record)
    event = dict(reversed(record.headers)).get("ce_id", b"").decode("utf-8", "replace")
    label = read_record(record.value, record.headers, at)
    place = (*_place(record), event)
    if not isinstance(label, Label):
        value = b"" if isinstance(label, Refusal) else record.value
        return Row("", at, (*place, *[None] * 7, value))
    target, value = canonical(label.of), record.value
    if label.of.raw is not None:
        hashed = hashlib.sha256(label.of.raw).hexdigest()
        without = msgspec.structs.replace(label.of, raw=None, id=f"sha256-{hashed}")
        value = msgspec.json.encode(msgspec.structs.replace(label, of=without))
    said = (label.id, target, label.truth, label.source, label.reporter, label.given_at)
    return Row(label.tenant, at, (*place, *said, label.retracts, value))


def model_row(record: Received) -> Row:
    """Return the row of a record of the models, filed by when the log took it."""
    kind = dict(reversed(record.headers)).get("ce_type", b"").decode("ascii", "replace")
    return Row("", _appended(record), (*_place(record), kind, record.value))


def _place(record: Received) -> tuple[int, int, int]:
    return record.partition, record.offset, record.appended_ms * 1000


def _appended(record: Received) -> datetime:
    return datetime.fromtimestamp(record.appended_ms / 1000, UTC)
