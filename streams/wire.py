"""Records as they lie in Kafka: CloudEvents headers and the envelope, read leniently.

What arrives is foreign input: what is missing or malformed gets its default and a flag; reading
never raises.
"""

import codecs
import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_type_hints

import msgspec
import uuid_utils

from features.envelope import Envelope, Incoming, LogPosition

__all__ = [
    "TENANT",
    "Arrival",
    "Headers",
    "Record",
    "Reply",
    "VerdictHead",
    "dead_letter",
    "derived_id",
    "event_headers",
    "hashed_id",
    "message_record",
    "new_id",
    "printable",
    "read_arrival",
    "read_head",
    "reply_record",
    "verdict_record",
]

Headers = list[tuple[str, bytes]]

_OLDEST = timedelta(days=7)  # how far a publisher's clock may lie behind the log's
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a tenant's name may be: it is a key, a label of metrics and the name of a folder too."""

_REQUEST = re.compile(rb"[\x21-\x7e]{1,128}")
_INT64 = 2**63
_FIELDS = {name: hint for name, hint in get_type_hints(Envelope).items() if name != "received_at"}


class Reply(NamedTuple):
    """Where a verdict is awaited: the hook's request, its partition, its deadline (epoch ms)."""

    request_id: bytes
    partition: int
    deadline_ms: int | None


class Arrival(NamedTuple):
    """A record of the mail log as read: the message, and who waits for its verdict.

    `requeued` tells that it was a dead letter once: it has a verdict already.
    """

    incoming: Incoming
    position: LogPosition
    appended_ms: int
    key: bytes | None
    reply: Reply | None
    reply_malformed: bool
    requeued: bool
    headers: Headers


class Record(NamedTuple):
    """A record to produce; without a partition the key chooses it."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    partition: int | None = None


class VerdictHead(msgspec.Struct, frozen=True):
    """What of an encoded verdict its headers and the pipeline need."""

    id: str
    kind: str
    revision: int
    action: str = ""
    degraded: tuple[str, ...] = ()

    @property
    def event_id(self) -> str:
        """The CloudEvents id: equal for a repetition, different for a change of mind."""
        suffix = f"revised.{self.revision}" if self.kind == "revised" else self.kind
        return f"{self.id}.{suffix}"


def read_head(value: bytes) -> VerdictHead:
    """Return the head of an encoded verdict of our own; msgspec.MsgspecError for other bytes."""
    return _HEAD.decode(value)


def new_id() -> str:
    """Return a new message id: UUIDv7 (RFC 9562), ordered by time."""
    return str(uuid_utils.uuid7())


def derived_id(position: LogPosition) -> str:
    """Return the id of a message without one: UUIDv8 (RFC 9562) of its place in the log."""
    return hashed_id(position.epoch, str(position.partition), str(position.offset))


def hashed_id(*parts: str) -> str:
    """Return the UUIDv8 (RFC 9562) of texts: the same for the same, whoever asks."""
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    number = int.from_bytes(hashlib.sha256(text).digest()[:16])
    number = number & ~(0xF << 76) | 8 << 76  # version
    number = number & ~(0x3 << 62) | 2 << 62  # variant
    return str(uuid.UUID(int=number))


def printable(value: bytes | str) -> str:
    """Return text that JSON can carry: bytes that aren't UTF-8 become backslash escapes."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape" if _escaped(value) else "backslashreplace")
    return value.decode("utf-8", "backslashreplace")


def _escaped(value: str) -> bool:
    """Tell whether all surrogates are those of escaped bytes."""
    return all("\udc80" <= char <= "\udcff" for char in value if "\ud800" <= char <= "\udfff")


def message_record(
    topic: str,
    envelope: Envelope,
    raw: bytes,
    *,
    source: str,
    now: datetime,
    reply: Reply | None = None,
) -> Record:
    """Return the record of a message for the mail log, keyed by its id.

    `source` is the publisher (a URI reference), `now` the time of publishing.
    """
    headers = event_headers(envelope.id, "weir.message.received", source, now, "message/rfc822")
    headers.append(("weir-envelope", msgspec.json.encode(envelope)))
    if reply is not None:
        headers.append(("weir-request-id", reply.request_id))
        headers.append(("weir-reply-partition", b"%d" % reply.partition))
        if reply.deadline_ms is not None:
            headers.append(("weir-deadline", b"%d" % reply.deadline_ms))
    return Record(topic, envelope.id.encode(), raw, headers)


def verdict_record(
    topic: str,
    head: VerdictHead,
    value: bytes,
    *,
    judged_at: datetime,
    timings: Mapping[str, float],
    worker: str,
    source: str = "/weir/worker",
) -> Record:
    """Return the record of an encoded verdict, keyed by the message's id.

    `source` is who judged (a URI reference), `worker` its name. `timings` are milliseconds by
    stage. They, clock and worker are headers, so that the value of a message judged twice is the
    same.
    """
    headers = event_headers(
        head.event_id, f"weir.verdict.{head.kind}", source, judged_at, "application/json"
    )
    rounded = {stage: round(ms, 3) for stage, ms in timings.items()}
    headers += [
        ("weir-judged-at", _time(judged_at)),
        ("weir-timings", msgspec.json.encode(rounded)),
        ("weir-worker", worker.encode()),
    ]
    return Record(topic, head.id.encode(), value, headers)


def reply_record(topic: str, verdict: Record, reply: Reply) -> Record:
    """Return the same verdict for the one who waits: keyed by request, on the asked partition."""
    return Record(
        topic,
        reply.request_id,
        verdict.value,
        [*verdict.headers, ("weir-request-id", reply.request_id)],
        reply.partition,
    )


def dead_letter(
    topic: str,
    *,
    origin: tuple[str, int, int],
    key: bytes | None,
    value: bytes,
    headers: Sequence[tuple[str, bytes]],
    error: str,
) -> Record:
    """Return a dead letter: original key, bytes and headers, with what broke and where it lay.

    `origin` is topic, partition and offset; what an earlier dead letter said is replaced.
    """
    own = (
        ("weir-error", printable(error)[:1000].encode()),
        ("weir-topic", origin[0].encode()),
        ("weir-partition", b"%d" % origin[1]),
        ("weir-offset", b"%d" % origin[2]),
    )
    names = {name for name, _ in own}
    return Record(topic, key, value, [h for h in headers if h[0] not in names] + list(own))


def read_arrival(
    *,
    epoch: str,
    partition: int,
    offset: int,
    timestamp_ms: int | None,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] | Mapping[str, bytes] | None,
) -> Arrival:
    """Read a record of the mail log; whatever its parts are, the result is complete.

    Flags: `message_empty`, `timestamp_missing`, `envelope_missing`, `envelope_malformed`,
    `id_malformed`, `tenant_malformed`, `clock_skew`.
    """
    position = LogPosition(epoch, partition, offset)
    given = _pairs(headers)
    found = dict(reversed(given))  # the first of each name
    flags: list[str] = []
    if not value:
        flags.append("message_empty")
    if timestamp_ms is None or not 0 <= timestamp_ms < 253_402_300_800_000:  # the year 10000
        flags.append("timestamp_missing")
        timestamp_ms = 0
    appended = datetime.fromtimestamp(timestamp_ms // 1000, UTC) + timedelta(
        milliseconds=timestamp_ms % 1000
    )
    envelope = _read_envelope(found.get("weir-envelope"), position, appended, flags)
    reply, malformed = _read_reply(found)
    incoming = Incoming(envelope, value or b"", position, tuple(flags))
    requeued = "weir-requeued" in found
    return Arrival(incoming, position, timestamp_ms, key, reply, malformed, requeued, given)


def _pairs(
    headers: Sequence[tuple[str, bytes | None]] | Mapping[str, bytes] | None,
) -> Headers:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [(name, value) for name, value in pairs if value is not None]


def _read_envelope(
    header: bytes | None, position: LogPosition, appended: datetime, flags: list[str]
) -> Envelope:
    if header is None:
        flags.append("envelope_missing")
        return Envelope(id=derived_id(position), received_at=appended)
    try:
        envelope = _ENVELOPE.decode(header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        envelope = _mend(header, position, appended, flags)
    changes: dict[str, Any] = {}
    if not _ID.fullmatch(envelope.id):
        flags.append("id_malformed")
        changes["id"] = derived_id(position)
    if not TENANT.fullmatch(envelope.tenant):
        flags.append("tenant_malformed")
        changes["tenant"] = "default"
    received = envelope.received_at
    clamped = _clamp(received, appended)
    if clamped is not received:
        changes["received_at"] = clamped
        if received.tzinfo is None or clamped != received:
            flags.append("clock_skew")
    facts = {name: fact for name, fact in envelope.facts.items() if _fits(fact.value)}
    if len(facts) != len(envelope.facts):
        flags.append("envelope_malformed")
        changes["facts"] = facts
    return msgspec.structs.replace(envelope, **changes) if changes else envelope


def _clamp(received: datetime, appended: datetime) -> datetime:
    if received.tzinfo is None:
        received = received.replace(tzinfo=UTC)
    if received.utcoffset():
        try:
            received = received.astimezone(UTC)
        except OverflowError:  # on the first or last day that datetime knows
            received = received.replace(tzinfo=UTC)
    return min(max(received, appended - _OLDEST), appended)


def _fits(value: str | float | bool | None) -> bool:  # noqa: FBT001 - a JSON value
    return not isinstance(value, int) or -_INT64 <= value < _INT64


def _mend(header: bytes, position: LogPosition, appended: datetime, flags: list[str]) -> Envelope:
    """Keep what can be read of an envelope that isn't as agreed."""
    try:
        # Undecodable bytes become escapes of escapes, so that the JSON stays JSON.
        given = msgspec.json.decode(header.decode("utf-8", "weir-json-escape"))
    except (msgspec.MsgspecError, RecursionError):
        given = None
    if not isinstance(given, dict):
        flags.append("envelope_malformed")
        return Envelope(id=derived_id(position), received_at=appended)
    kept: dict[str, Any] = {}
    malformed = False
    for name, hint in _FIELDS.items():
        if name in given:
            try:
                kept[name] = msgspec.convert(given[name], hint)
            except msgspec.ValidationError:
                malformed = True
    kept.setdefault("id", derived_id(position))
    try:
        kept["received_at"] = msgspec.convert(given["received_at"], datetime)
    except KeyError:
        kept["received_at"] = appended
    except msgspec.ValidationError:
        kept["received_at"] = appended
        malformed = True
    if malformed:
        flags.append("envelope_malformed")
    return Envelope(**kept)


def _read_reply(headers: Mapping[str, bytes]) -> tuple[Reply | None, bool]:
    request_id = headers.get("weir-request-id")
    partition = headers.get("weir-reply-partition")
    if request_id is None and partition is None:
        return None, False
    number = _number(partition)
    if request_id is None or not _REQUEST.fullmatch(request_id) or number is None:
        return None, True
    return Reply(request_id, number, _number(headers.get("weir-deadline"))), False


def _number(value: bytes | None) -> int | None:
    if value is None or not value.isdigit() or len(value) > 18:
        return None
    return int(value)


def event_headers(ident: str, kind: str, source: str, at: datetime, content_type: str) -> Headers:
    """Return the CloudEvents 1.0 headers of a record in binary mode.

    `ident` is equal for a repetition of the event; `source` is a URI reference of who produces it.
    """
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", ident.encode()),
        ("ce_type", kind.encode()),
        ("ce_source", source.encode()),
        ("ce_time", _time(at)),
        ("content-type", content_type.encode()),
    ]


def _time(at: datetime) -> bytes:
    text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z").encode()


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(f"\\\\x{byte:02x}" for byte in bad), error.end


codecs.register_error("weir-json-escape", _escape)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_HEAD = msgspec.json.Decoder(VerdictHead)
