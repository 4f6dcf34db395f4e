"""A message on its way through the pipeline, and what follows from what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import structlog

from detectors.judging import Prepared
from detectors.verdict import Verdict
from features.delivery import DeliveryKeys, delivery_keys
from features.envelope import Incoming
from features.sender import Touches
from models.label import Label
from streams.stores.protocol import Advanced, Found, Keeping, Query
from streams.wire import Arrival, Headers, read_head

__all__ = [
    "NOTHING_FOUND",
    "Case",
    "incoming",
    "is_of",
    "keeping",
    "lacks",
    "numbered",
    "place_of",
    "queries",
    "settled",
    "with_envelope",
]

NOTHING_FOUND: Final = Found(None, 0, retry=False)
_NO_KEYS: Final = DeliveryKeys("", "")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Case:
    """A message on its way: `value` is its encoded verdict, `error` what broke on it.

    `known` tells whether the store has answered what `found` says, `advanced` what was read of
    the sender state, None while that couldn't be read. `waited_ms` is from the append to the
    batch's begin. `labels` are those that the message gives by itself.
    """

    arrival: Arrival
    found: Found = NOTHING_FOUND
    known: bool = False
    keys: DeliveryKeys = _NO_KEYS
    waited_ms: float = 0.0
    prepared: Prepared | None = None
    advanced: Advanced | None = None
    verdict: Verdict | None = None
    value: bytes = b""
    error: str | None = None
    labels: tuple[Label, ...] = ()

    @property
    def fresh(self) -> bool:
        """Whether no verdict on the message is recorded."""
        return self.found.verdict is None

    @property
    def touches(self) -> Touches | None:
        """What the message has to do with the sender state; None if it couldn't be prepared."""
        evidence = self.prepared and self.prepared.evidence
        return evidence.touches if evidence else None


def queries(cases: Sequence[Case]) -> list[Query]:
    """Return what the store is asked about each message; its keys are worked out here."""
    asked = []
    for case in cases:
        envelope, raw = case.arrival.incoming.envelope, case.arrival.incoming.raw
        case.keys = delivery_keys(raw, envelope.mail_from, envelope.rcpt_to)
        place, requeued = case.arrival.position, case.arrival.requeued
        asked.append(Query(place, envelope.id, case.keys.delivery, requeued, case.keys.message))
    return asked


def is_of(case: Case, value: bytes) -> bool:
    """Tell whether a recorded verdict is of this message.

    It isn't if the topic was created anew without a new epoch: places repeat themselves then.
    """
    try:
        if read_head(value).id == case.arrival.incoming.envelope.id:
            return True
    except msgspec.MsgspecError:
        pass
    partition, offset = case.arrival.position.partition, case.arrival.position.offset
    log.error("record_of_another_message", partition=partition, offset=offset)
    return False


def incoming(case: Case) -> Incoming:
    """Return the message as the core takes it, with what is known of it by now."""
    message = case.arrival.incoming._replace(delivery_key=case.keys.delivery)
    if case.arrival.requeued:
        return message._replace(flags=(*message.flags, "requeued"))
    if case.found.revision:
        return message._replace(flags=(*message.flags, "duplicate"))
    return message


def settled(case: Case) -> Prepared:
    """Return a prepared message with what the look-up, which ran beside, has said of it."""
    assert case.prepared is not None
    message, evidence = incoming(case), case.prepared.evidence
    if message.flags == case.prepared.incoming.flags:
        return case.prepared
    if evidence is not None:
        evidence = replace(evidence, flags=(*evidence.flags, "duplicate"))
    return replace(case.prepared, incoming=message, evidence=evidence)


def keeping(case: Case) -> Keeping:
    """Return what is recorded of a judged message."""
    envelope, touches = case.arrival.incoming.envelope, case.touches
    message_id = touches.message_id if touches else b""
    return Keeping(case.arrival.position, case.value, message_id, envelope.id, envelope.direction)


def _revision(case: Case) -> int:
    """A requeued dead letter has a verdict already, even if the store no longer knows it."""
    return max(case.found.revision, int(case.arrival.requeued))


def numbered(case: Case, verdict: Verdict) -> Verdict:
    """Return the verdict as a revision where its id has others: a ce_id stands for one value."""
    revision = _revision(case)
    if not revision:
        return verdict
    return msgspec.structs.replace(verdict, kind="revised", revision=revision)


def lacks(verdict: Verdict, part: str) -> Verdict:
    """Return the verdict as one that had to do without a part."""
    return msgspec.structs.replace(verdict, degraded=(*verdict.degraded, part))


def with_envelope(arrival: Arrival) -> Headers:
    """Return the original headers; an id that was derived goes along, so that it stays."""
    if not {"envelope_missing", "envelope_malformed", "id_malformed"} & {*arrival.incoming.flags}:
        return arrival.headers
    envelope = msgspec.json.encode(arrival.incoming.envelope)
    kept = [header for header in arrival.headers if header[0] != "weir-envelope"]
    return [*kept, ("weir-envelope", envelope)]


def place_of(error: str) -> str:
    """Keep stage, type and place of an error; what it says may quote the message."""
    return ": ".join(error.split(": ")[:2])
