"""Records of `mail.models` as bytes and back (docs/topics/models.md): one writer, the learner.

Steps are MessagePack, as they are many and hold arrays; all else is JSON.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from models.snapshot import LabelPosition
from models.step import Step
from streams.wire import Record, event_headers

__all__ = [
    "Claim",
    "Executed",
    "Marker",
    "ModelRecord",
    "Pointer",
    "Stage",
    "StepRecord",
    "Theta",
    "model_record",
    "read_model_record",
]

Stage = Literal["live", "shadow", "retired"]


class StepRecord(msgspec.Struct, frozen=True, array_like=True):
    """`weir.model.step`: a learning step with its place in the order of all.

    `labels` is the label that it handles; `schema` and `layout` are digests as in a snapshot. `at`
    is that label's append time (s), from which the delay of learning is told; 0: not known.
    `sender` is whom the message is from, hashed, '' for nobody: known ham is kept by sender.
    """

    fence: int
    sequence: int
    labels: LabelPosition
    schema: str
    layout: str
    source: str
    message: str
    step: Step
    sender: str = ""
    at: float = 0.0


class Theta(msgspec.Struct, frozen=True):
    """How the audit asks for labels: its version, and the chance by stratum of the logit.

    A logit below `edges[0]` is asked about with `chances[0]`, and so on; one more chance than
    edges.
    """

    version: str
    edges: tuple[float, ...]
    chances: tuple[float, ...]


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """`weir.model.publish`: up to which step scorers apply, and which above the last they never do.

    `digest` is that of the models' state after `published`. `closed` says why the gate held steps
    back, '' where it is open. `frozen`: an operator has stopped learning.
    """

    schema: int = 1
    fence: int
    published: int
    revoked: tuple[tuple[int, int], ...] = ()
    digest: str
    labels: LabelPosition | None = None
    theta: Theta | None = None
    closed: str = ""
    frozen: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """`weir.model.claim`: a learner that starts; readers ignore lower fences after it."""

    schema: int = 1
    fence: int
    learner: str
    at: datetime


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """`weir.model.snapshot`: an artifact that scorers may load, by digest.

    `model` is "online" (a snapshot of models.snapshot) or "classifier" (an ONNX artifact with its
    manifest); `stage` says what it is for: live acts, shadow only scores, retired is let go.
    `sequence` and `labels` are those that an online snapshot holds. `digest` is SHA-256 of the
    artifact's bytes (hex); they lie in the folder of `models.snapshots` and, as a cache, in Redis.
    """

    schema: int = 1
    fence: int
    model: Literal["online", "classifier"]
    stage: Stage
    name: str
    digest: str
    sequence: int = 0
    labels: LabelPosition | None = None


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """`weir.model.executed`: the learner's answer to a command (models.command), once each.

    What the command changed, a Pointer or a Marker, stands before it in the log. `refused` says in
    one line why nothing was done, '' where it was.
    """

    schema: int = 1
    fence: int
    command: str
    refused: str = ""


ModelRecord = StepRecord | Marker | Claim | Pointer | Executed

_TYPES: Final[dict[type, str]] = {
    StepRecord: "weir.model.step",
    Marker: "weir.model.publish",
    Claim: "weir.model.claim",
    Pointer: "weir.model.snapshot",
    Executed: "weir.model.executed",
}
_KINDS: Final = {name.encode(): kind for kind, name in _TYPES.items()}


def model_record(topic: str, record: ModelRecord, now: datetime) -> Record:
    """Return a record of the models as it is produced; `now` is the time of producing."""
    packed = isinstance(record, StepRecord)
    value = msgspec.msgpack.encode(record) if packed else msgspec.json.encode(record)
    headers = event_headers(
        _identity(record),
        _TYPES[type(record)],
        "/weir/learner",
        now,
        "application/msgpack" if packed else "application/json",
    )
    return Record(topic, None, value, headers)


def read_model_record(
    headers: Iterable[tuple[str, bytes | None]], value: bytes | None
) -> ModelRecord:
    """Read a record of the models; raises ValueError, in one line, for one that is none."""
    given = next((content for name, content in headers if name == "ce_type"), None)
    kind = _KINDS.get(given or b"")
    if kind is None:
        raise ValueError(f"a record of type {(given or b'')[:40]!r}, which models have not")
    try:
        if kind is StepRecord:
            return msgspec.msgpack.decode(value or b"", type=StepRecord)
        found: ModelRecord = msgspec.json.decode(value or b"", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{_TYPES[kind]}: {error}") from None
    return found


def _identity(record: ModelRecord) -> str:
    match record:
        case StepRecord():
            name = f"step.{record.sequence}"
        case Marker():
            name = f"publish.{record.published}.{record.labels.offset if record.labels else '-'}"
        case Claim():
            name = "claim"
        case Pointer():
            name = f"snapshot.{record.model}.{record.stage}.{record.digest[:16]}"
        case Executed():
            name = f"executed.{record.command}"
    return f"{record.fence}.{name}"
