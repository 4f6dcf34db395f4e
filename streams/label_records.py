"""Records of the topic of labels: labels, retractions and model commands, as bytes and back.

What arrives is foreign input. Reading never raises: a record that isn't as docs/topics/label.md
says gives a Refusal with its reason, which goes to the dead letters. What a sender's clock says is
information only, and never a reason to refuse.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from models.command import ACTS, Command
from models.label import Label, Place, Source, Target, Truth
from streams.tokens import id_in
from streams.wire import TENANT, Record, event_headers, hashed_id

__all__ = [
    "COMMAND",
    "GIVEN",
    "RETRACTED",
    "Refusal",
    "canonical",
    "command_record",
    "label_id",
    "label_record",
    "new_label",
    "read_record",
    "retraction",
]

GIVEN: Final = "weir.label.given"
RETRACTED: Final = "weir.label.retracted"
COMMAND: Final = "weir.model.command"

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
_REPORTER: Final = re.compile(r"[A-Za-z0-9._:-]{0,80}")  # a keyed hash, never an address
_MESSAGE_ID: Final = re.compile(r"[^<>\s\x00-\x1f\x7f]{1,998}")
_EPOCH: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_TOKEN_CHARACTERS: Final = 512
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")
_DIGEST: Final = re.compile(r"(?:[0-9a-f]{64})?")
_SAID: Final = 1_000  # characters of an operator's reason
_INT64: Final = 2**63
_REASON: Final = 300  # characters of a reason: a value that is quoted in it may be long


class Refusal(NamedTuple):
    """Why a record teaches nothing: one line for the dead letter."""

    reason: str


def canonical(target: Target) -> str:
    """Return one text for a target: equal for the same message named in the same way.

    A token is its message's id, signed by us or not: the reader of the label checks it.
    """
    if target.token is not None and (named := id_in(target.token)):
        return f"id:{named}"
    if target.id is not None:
        return f"id:{target.id}"
    if target.rfc5322_message_id is not None:
        return f"message-id:{target.rfc5322_message_id}"
    if target.position is not None:
        place = target.position
        return f"position:{place.epoch}:{place.partition}:{place.offset}"
    if target.raw is not None:
        return f"raw:{hashlib.sha256(target.raw).hexdigest()}"
    return f"token:{target.token}"


def label_id(tenant: str, target: Target, source: Source, reporter: str) -> str:
    """Return the id of a label, UUIDv8 of who says it of what: the same when it is said again.

    Who changes their mind gives the label anew, and whoever retracts it needs no look-up.
    """
    return hashed_id("label", tenant, canonical(target), source, reporter)


def new_label(
    target: Target,
    truth: Truth,
    source: Source,
    *,
    reporter: str = "",
    tenant: str = "default",
    given_at: datetime,
) -> Label:
    """Return a label with its derived id."""
    return Label(
        id=label_id(tenant, target, source, reporter),
        of=target,
        truth=truth,
        source=source,
        reporter=reporter,
        tenant=tenant,
        given_at=given_at,
    )


def retraction(label: Label, given_at: datetime) -> Label:
    """Return the label that takes another one back."""
    return msgspec.structs.replace(
        label,
        id=hashed_id("retraction", label.id),
        truth=None,
        given_at=given_at,
        retracts=label.id,
    )


def label_record(topic: str, label: Label, *, source: str) -> Record:
    """Return the record of a label or a retraction, keyed by message id, else by its target.

    `source` is the publisher (a URI reference). The event's id is the same for a repetition, and
    another when the same label is given anew at another time.
    """
    what = RETRACTED if label.retracts else GIVEN
    moment = int(label.given_at.timestamp() * 1000)
    event = f"{label.id}.{label.truth or 'retracted'}.{moment}"
    headers = event_headers(event, what, source, label.given_at, "application/json")
    key = canonical(label.of).removeprefix("id:").encode("utf-8", "backslashreplace")
    return Record(topic, key, msgspec.json.encode(label), headers)


def command_record(topic: str, command: Command, *, source: str) -> Record:
    """Return the record of a model command, keyed by the model that it is about."""
    headers = event_headers(command.id, COMMAND, source, command.given_at, "application/json")
    return Record(
        topic, (command.model or "models").encode(), msgspec.json.encode(command), headers
    )


def read_record(
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] | Mapping[str, bytes] | None,
    appended: datetime,
) -> Label | Command | Refusal:
    """Read a record of the topic of labels; never raises.

    A record without a type is told by what it holds. Unknown fields are passed over. A missing or
    malformed `given_at` becomes `appended`, the time at which the log took the record.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    what = next((text for name, text in pairs if name == "ce_type" and text), b"").decode(
        "ascii", "replace"
    )
    if what not in {"", GIVEN, RETRACTED, COMMAND}:
        return _refused(f"ce_type {what!r}; known: {GIVEN}, {RETRACTED}, {COMMAND}")
    try:
        given = msgspec.json.decode(value or b"", type=dict[str, Any])
        if given.get("schema", 1) != 1:
            return _refused(f"schema {given['schema']!r}; known: 1")
        given["given_at"] = _moment(given.get("given_at"), appended)
        is_command = what == COMMAND or (not what and "act" in given)
        return _command(given) if is_command else _label(given, what)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _refused(str(error))


def _label(given: dict[str, Any], what: str) -> Label | Refusal:
    label = msgspec.convert(given, Label)
    problem = (
        _mismatch(label, what)
        or (not _ID.fullmatch(label.id) and "id isn't one")
        or (label.retracts and not _ID.fullmatch(label.retracts) and "retracts isn't an id")
        or (not TENANT.fullmatch(label.tenant) and "tenant isn't a name")
        or (not _REPORTER.fullmatch(label.reporter) and "reporter isn't a keyed hash")
        or _unfit(label.of)
    )
    return _refused(problem) if problem else label


def _mismatch(label: Label, what: str) -> str:
    if label.retracts and label.truth is not None:
        return "a retraction has no truth"
    if not label.retracts and label.truth is None:
        return "truth is missing; only a retraction has none"
    if label.retracts and what == GIVEN:
        return f"a retraction has the type {RETRACTED}"
    if not label.retracts and what == RETRACTED:
        return "retracts is missing"
    return ""


def _unfit(target: Target) -> str:
    """Say what is wrong with a target, '' for nothing."""
    named = [name for name, value in msgspec.structs.asdict(target).items() if value is not None]
    if len(named) != 1:
        said = ", ".join(named) or "none"
        fields = ", ".join(target.__struct_fields__)
        return f"of: {said} given; wanted: exactly one of {fields}"
    fits = (
        (target.id is not None and _ID.fullmatch(target.id))
        or (target.token is not None and 0 < len(target.token) <= _TOKEN_CHARACTERS)
        or (
            target.rfc5322_message_id is not None
            and _MESSAGE_ID.fullmatch(target.rfc5322_message_id)
        )
        or (target.position is not None and _is_place(target.position))
        or target.raw
    )
    return "" if fits else f"of.{named[0]} isn't one"


def _is_place(place: Place) -> bool:
    return (
        _EPOCH.fullmatch(place.epoch) is not None
        and 0 <= place.partition < 2**31
        and 0 <= place.offset < _INT64
    )


def _command(given: dict[str, Any]) -> Command | Refusal:
    if given.get("act") not in ACTS:
        return _refused(f"act {given.get('act')!r}; known: {', '.join(ACTS)}")
    command = msgspec.convert(given, Command)
    problem = (
        (not _ID.fullmatch(command.id) and "id isn't one")
        or (not _NAME.fullmatch(command.name) and "name isn't one")
        or (not _DIGEST.fullmatch(command.digest) and "digest isn't SHA-256 in hex")
        or (not 0 <= command.sequence < _INT64 and "sequence isn't one")
        or (len(command.reason) > _SAID and f"reason is longer than {_SAID} characters")
    )
    return _refused(problem) if problem else command


def _moment(given: Any, appended: datetime) -> datetime:
    try:
        moment = msgspec.convert(given, datetime)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return appended


def _refused(reason: str) -> Refusal:
    return Refusal(" ".join(reason.split())[:_REASON])
