"""Verdicts as rows of the archive, and back, byte for byte."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from apps.subscriber.archive.schema import COLUMNS
from apps.subscriber.received import Received
from detectors.verdict import ModelVersion
from streams.wire import TENANT

__all__ = ["EPOCH", "VerdictRow", "filed_at", "recorded_bytes", "verdict_row"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_VECTOR: Final = b'"f32":"'
# What a column can't hold, or a folder be named after, makes a record none that can be read: else
# a single one would stop the archive for good.
_Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Tenant = Annotated[str, Meta(pattern=rf"\A(?:{TENANT.pattern})\Z")]


class _Signal(msgspec.Struct, frozen=True):
    name: str
    group: str
    contribution: _Int64


class _Override(msgspec.Struct, frozen=True):
    name: str


class _Features(msgspec.Struct, frozen=True):
    f32: str = ""


class _Ask(msgspec.Struct, frozen=True):
    asked: bool = False


class _Log(msgspec.Struct, frozen=True):
    epoch: str
    partition: _Int32
    offset: _Int64


class _Read(msgspec.Struct, frozen=True):
    """What of a verdict becomes columns; lenient, for another release may have written it."""

    id: str
    received_at: datetime
    kind: str = "judged"
    revision: _Int32 = 0
    log: _Log | None = None
    tenant: _Tenant = "default"
    direction: str = ""
    from_domain: str = ""
    mail_from_domain: str = ""
    sender: str = ""
    client_net: str = ""
    rcpt_count: _Int32 = 0
    fingerprint: str = ""
    action: str = ""
    class_: str = msgspec.field(name="class", default="")
    score: float | None = None
    logit: _Int64 | None = None
    signals: tuple[_Signal, ...] = ()
    overrides: tuple[_Override, ...] = ()
    features: _Features = _Features()
    models: tuple[ModelVersion, ...] = ()
    policy: str = ""
    engine: str = ""
    shadow: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    ask: _Ask = _Ask()


_DECODER: Final = msgspec.json.Decoder(_Read)


class VerdictRow(NamedTuple):
    """A row by the archive's columns; by tenant and time of receipt it is filed.

    `policy` is the digest that the verdict names.
    """

    tenant: str
    at: datetime
    policy: str
    values: tuple[Any, ...]


def verdict_row(given: Received) -> VerdictRow:
    """Return the row of a verdict's record.

    A record that is no verdict has its bytes and its place alone, and is filed by the time at which
    the log took it: nothing that lay in the topic is lost.
    """
    value, appended_us = given.value, given.appended_ms * 1000
    event = dict(reversed(given.headers)).get("ce_id", b"").decode("utf-8", "replace")
    place = (given.partition, given.offset, appended_us, event)
    read, at = _read(value, given.appended_ms)
    if read is None:
        width = len(COLUMNS["verdicts"]) - len(place)
        values: list[Any] = [*place, *[None] * width]
        values[_AT["received_at"]] = appended_us
        values[_AT["record"]] = value
        return VerdictRow("", at, "", tuple(values))
    received_us = (at - EPOCH) // _MICROSECOND
    record, cut, vector = _cut(value, read.features.f32)
    log = read.log
    return VerdictRow(
        read.tenant,
        at,
        read.policy,
        (
            *place,
            read.id,
            read.kind,
            read.revision,
            received_us,
            read.direction,
            read.from_domain,
            read.mail_from_domain,
            read.sender,
            read.client_net,
            read.rcpt_count,
            read.fingerprint,
            read.action,
            read.class_,
            read.score,
            read.logit,
            [(each.name, each.group, each.contribution) for each in read.signals],
            [each.name for each in read.overrides],
            [(each.name, each.version) for each in read.models],
            read.policy,
            read.engine,
            read.shadow,
            read.degraded,
            read.flags,
            read.ask.asked,
            log and log.epoch,
            log and log.partition,
            log and log.offset,
            record,
            cut,
            vector,
        ),
    )


_AT: Final = {name: number for number, name in enumerate(COLUMNS["verdicts"].names)}


def filed_at(value: bytes, appended_ms: int) -> datetime:
    """Return the time by which a record is filed: of receipt, or of append where it is none."""
    return _read(value, appended_ms)[1]


def recorded_bytes(record: bytes | None, cut: int | None, vector: bytes | None) -> bytes:
    """Return a verdict's bytes as they lay in the topic, without a vector whose time has passed.

    Empty where the whole record had to go with it.
    """
    if record is None:
        return b""
    if cut is None or vector is None:
        return record
    return b"".join((record[:cut], b64encode(vector), record[cut:]))


def _read(value: bytes, appended_ms: int) -> tuple[_Read | None, datetime]:
    """Return a record as a verdict, None where it is none, and the time by which it is filed."""
    try:
        read = _DECODER.decode(value)
        return read, EPOCH + (read.received_at - EPOCH)  # in UTC
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        TypeError,  # a time without a zone
        OverflowError,  # one that UTC hasn't
    ):
        return None, EPOCH + timedelta(milliseconds=appended_ms)


def _cut(value: bytes, f32: str) -> tuple[bytes, int | None, bytes | None]:
    """Return the record without the vector's Base64, where it stood, and the vector.

    Base64 is cut only where it comes out the same again.
    """
    written = f32.encode("utf-8", "surrogatepass")
    start = value.find(_VECTOR + written + b'"') + len(_VECTOR)
    if not written or start < len(_VECTOR):
        return value, None, None
    try:
        vector = b64decode(written, validate=True)
    except ValueError:
        return value, None, None
    if b64encode(vector) != written:
        return value, None, None
    return value[:start] + value[start + len(written) :], start, vector
