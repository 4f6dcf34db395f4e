"""A message on its way through the pipeline, and what follows from what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from detectors.verdict import Verdict
from features.delivery import delivery_key
from features.envelope import Incoming
from streams.stores.protocol import Found, Query
from streams.wire import Arrival, Headers, read_head

__all__ = [
    "NOTHING_FOUND",
    "Case",
    "incoming",
    "is_of",
    "lacks",
    "numbered",
    "place_of",
    "queries",
    "with_envelope",
]

NOTHING_FOUND: Final = Found(None, 0, retry=False)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Case:
    """A message on its way: `value` is its encoded verdict, `error` what broke on it."""

    arrival: Arrival
    found: Found = NOTHING_FOUND
    delivery_key: str = ""
    verdict: Verdict | None = None
    value: bytes = b""
    error: str | None = None


def queries(cases: Sequence[Case]) -> list[Query]:
    """Return what the store is asked about each message; its delivery's key is worked out here."""
    asked = []
    for case in cases:
        envelope, raw = case.arrival.incoming.envelope, case.arrival.incoming.raw
        case.delivery_key = delivery_key(raw, envelope.mail_from, envelope.rcpt_to)
        place, requeued = case.arrival.position, case.arrival.requeued
        asked.append(Query(place, envelope.id, case.delivery_key, requeued))
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
    """Return the message with what is known of it by now."""
    message = case.arrival.incoming._replace(delivery_key=case.delivery_key)
    if case.arrival.requeued:
        return message._replace(flags=(*message.flags, "requeued"))
    if case.found.revision:
        return message._replace(flags=(*message.flags, "duplicate"))
    return message


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
