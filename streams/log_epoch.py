"""The mail log's epoch, found again in verdicts where Redis has lost it.

A verdict names the place of its message: epoch, partition, offset. If that message still lies there
the log is the one that was judged. Under its own epoch tokens stay good, and labels find messages
that were judged before Redis lost its data.
"""

import secrets
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from detectors.record import decode
from detectors.verdict import LogPlace
from streams.reader import open_reader
from streams.settings import Settings
from streams.stores.protocol import Store
from streams.topics import name

__all__ = ["mail_epoch"]

_LOOKED: Final = 16  # verdicts of a partition, the latest
_WAIT_MS: Final = 1_000

log = structlog.get_logger(__name__)


async def mail_epoch(settings: Settings, store: Store, partitions: int) -> str:
    """Return the mail log's epoch: as stored, else as verdicts tell, else a new one.

    Raises TopicError or StoreError where Kafka or Redis can't be reached.
    """
    stored = await store.stored_epoch(name(settings, "messages"))
    if stored is not None:
        return stored
    known = await _told(settings, partitions)
    topic, proposed = name(settings, "messages"), known or secrets.token_hex(4)
    epoch = await store.epoch(topic, proposed)
    log.warning("epoch_was_missing", topic=topic, epoch=epoch, told_by_verdicts=known == epoch)
    return epoch


async def _told(settings: Settings, partitions: int) -> str | None:
    """Return the epoch of a message that lies where the latest verdict on it says."""
    async with open_reader(settings) as reader:
        places = [TopicPartition(name(settings, "verdicts"), n) for n in range(partitions)]
        reader.assign(places)
        begins, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
        judged: list[tuple[bytes, LogPlace]] = []
        for place in places:
            start = max(begins[place], ends[place] - _LOOKED)
            judged += _places(await _records(reader, place, start, ends[place]))
        places = [TopicPartition(name(settings, "messages"), n) for n in range(partitions)]
        reader.assign(places)
        begins, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
        for key, told in reversed(judged):
            place = TopicPartition(name(settings, "messages"), told.partition)
            if begins.get(place, 0) <= told.offset < ends.get(place, 0):
                found = await _records(reader, place, told.offset, told.offset + 1)
                if any(record.offset == told.offset and record.key == key for record in found):
                    return told.epoch
    return None


def _places(records: Iterable[Any]) -> list[tuple[bytes, LogPlace]]:
    found = []
    for record in records:
        try:
            verdict = decode(record.value or b"")
        except (msgspec.MsgspecError, ValueError):
            continue
        if verdict.log is not None and verdict.kind == "judged":
            found.append((verdict.id.encode(), verdict.log))
    return found


async def _records(reader: Any, place: TopicPartition, start: int, end: int) -> list[Any]:
    """Return the records of a partition between two offsets that are there."""
    others = set(reader.assignment()) - {place}
    reader.pause(*others)
    reader.resume(place)
    reader.seek(place, start)
    found: list[Any] = []
    while await reader.position(place) < end:
        records = (await reader.getmany(place, timeout_ms=_WAIT_MS)).get(place, ())
        if not records:
            break
        found += [record for record in records if record.offset < end]
    reader.pause(place)
    return found
