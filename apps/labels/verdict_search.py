"""Where a message lies, by its verdict: for ids that Redis doesn't know any more."""

import uuid
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.partitioner import DefaultPartitioner  # type: ignore[import-untyped]  # no types

from detectors.verdict import LogPlace
from features.envelope import LogPosition
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import check, name

__all__ = ["search_verdict"]

_EARLIER_MS: Final = 60_000  # a publisher's clock may be ahead of the broker's
_LATER_MS: Final = 3_600_000  # and a message may wait for its worker
_MOST: Final = 200_000  # verdicts that are looked at
_WAIT_MS: Final = 500


class _Head(msgspec.Struct):
    log: LogPlace | None = None


async def search_verdict(settings: Settings, identifier: str) -> LogPosition | None:
    """Return the place that the verdict of an id names; None where it isn't found.

    An id has to be a UUIDv7 (RFC 9562): its time says where to look, in the key's partition, from
    a minute before to an hour after. Raises TopicError where the brokers can't be reached.
    """
    given = _time_ms(identifier)
    if given is None:
        return None
    topic = name(settings, "verdicts")
    partitions = list(range((await check(settings))[topic]))
    number = DefaultPartitioner()(identifier.encode(), partitions, partitions)
    partition = TopicPartition(topic, number)
    async with open_reader(settings) as consumer:
        consumer.assign([partition])
        start = (await consumer.offsets_for_times({partition: given - _EARLIER_MS}))[partition]
        if start is None:
            return None
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, start.offset)
        seen = 0
        while seen < _MOST and await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                for record in records:
                    seen += 1
                    if record.timestamp > given + _LATER_MS:
                        return None
                    if record.key == identifier.encode() and (place := _place(record)):
                        return place
    return None


def _place(record: Any) -> LogPosition | None:
    try:
        log = _HEAD.decode(record.value or b"").log
    except msgspec.MsgspecError:
        return None
    return None if log is None else LogPosition(log.epoch, log.partition, log.offset)


def _time_ms(identifier: str) -> int | None:
    try:
        given = uuid.UUID(identifier)
    except ValueError:
        return None
    return given.int >> 80 if given.version == 7 else None


_HEAD = msgspec.json.Decoder(_Head)
