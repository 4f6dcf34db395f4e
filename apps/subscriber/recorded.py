"""What topics and archives give back: verdicts with what is kept of their mail, model records."""

from collections.abc import Iterable
from typing import NamedTuple

from detectors.verdict import LogPlace
from features.envelope import Incoming
from streams.wire import Arrival, read_arrival

__all__ = ["KeptMail", "ModelLogRecord", "Recorded", "Unread", "arrival_of", "incoming_of"]


class KeptMail(NamedTuple):
    """A record of the mail log as far as judging needs it.

    `raw` is the message, `envelope` the header `weir-envelope`, None where there was none;
    `appended_ms` is when the log took it (epoch ms). `requeued`: it was a dead letter once.
    """

    raw: bytes
    envelope: bytes | None
    appended_ms: int
    requeued: bool = False


class Recorded(NamedTuple):
    """A verdict: `event` is its ce_id, `value` its bytes, `appended_ms` when the log took it.

    `mail` is None where the message isn't kept.
    """

    event: str
    value: bytes
    appended_ms: int
    mail: KeptMail | None = None


class ModelLogRecord(NamedTuple):
    """A record of mail.models as it lies there; `headers` as Kafka's."""

    headers: Iterable[tuple[str, bytes | None]]
    value: bytes | None


class Unread(NamedTuple):
    """What a source couldn't give: where it lies, why, and what is still possible."""

    place: str
    reason: str


def incoming_of(mail: KeptMail, log: LogPlace) -> Incoming:
    """Return a message as the worker took it from this place of the log; never raises."""
    message = arrival_of(mail, log).incoming
    return message._replace(flags=(*message.flags, "requeued")) if mail.requeued else message


def arrival_of(mail: KeptMail, log: LogPlace) -> Arrival:
    """Return a record of the mail log as the worker read it; never raises."""
    headers = [("weir-envelope", mail.envelope)] if mail.envelope is not None else []
    return read_arrival(
        epoch=log.epoch,
        partition=log.partition,
        offset=log.offset,
        timestamp_ms=mail.appended_ms,
        key=None,
        value=mail.raw,
        headers=headers,
    )._replace(requeued=mail.requeued)
