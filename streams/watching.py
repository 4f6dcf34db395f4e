"""Watching the topic of verdicts for the learner: how much mail comes, by score, and its drift.

It reads outside of any group and commits nothing. Of a busy topic it reads a part, spread over the
time between two looks, and knows from the offsets how much it passed over: what it costs is bounded
whatever the traffic.
"""

import base64
import binascii
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types

from detectors.actions import MICRO
from features.vector import SCHEMA
from models.audit import Volume, chances
from models.drift import Alarm, Drift
from models.manifest import ArtifactError
from streams.model_records import Theta
from streams.settings import Settings
from streams.topics import name

__all__ = ["Watch"]

_RECORDS: Final = 500  # read at a look from each partition; 20 ms of CPU
_WAIT_MS: Final = 500


class _Features(msgspec.Struct):
    schema: str
    f32: str


class _Seen(msgspec.Struct):
    """What is read of a verdict; all else is passed over by the decoder."""

    kind: str
    logit: int | None
    features: _Features


class _State(msgspec.Struct, frozen=True, array_like=True):
    volume: bytes
    drift: bytes


_DECODER: Final = msgspec.json.Decoder(_Seen)


class Watch:
    """Volumes by stratum and drift of the verdicts since it was opened, or since its state.

    Use: `assign` once on a consumer of its own (streams.reader.open_reader), then `look` now and
    then, and `theta` before a publish marker.
    """

    def __init__(self, settings: Settings, budget: float) -> None:
        self._topic = name(settings, "verdicts")
        self._budget = budget
        self._places: dict[TopicPartition, int] = {}
        self.volume, self.drift = Volume(), Drift()

    async def assign(self, consumer: Any, partitions: int) -> None:
        """Begin at the present end of each partition of the verdicts."""
        places = [TopicPartition(self._topic, number) for number in range(partitions)]
        consumer.assign(places)
        self._places = dict(await consumer.end_offsets(places))
        for place, end in self._places.items():
            consumer.seek(place, end)

    async def look(self, consumer: Any) -> list[Alarm]:
        """Take in what came since the last look, of each partition the latest 500 at most.

        Returns the alarms of drift that it set off; the caller logs them.
        """
        ends = await consumer.end_offsets(list(self._places))
        alarms = []
        for place, end in ends.items():
            came = end - self._places[place]
            if came <= 0:
                self._places[place] = end
                continue
            consumer.seek(place, max(self._places[place], end - _RECORDS))
            found = [record async for record in _below(consumer, place, end)]
            for record in found:
                alarms += self.take(record.value, record.timestamp / 1000, came / len(found))
            self._places[place] = end
        return alarms

    def take(self, value: bytes | None, at: float, weight: float = 1.0) -> list[Alarm]:
        """Take in one encoded verdict, appended at a time (s), that stands for `weight` of them.

        What is no verdict, has no logit or is a revision says nothing.
        """
        try:
            seen = _DECODER.decode(value or b"")
            if seen.logit is None or seen.kind != "judged":
                return []
            logit = seen.logit / MICRO
            self.volume.add(logit, at, weight)
            if seen.features.schema != SCHEMA.digest:
                return []
            vector = np.frombuffer(base64.b64decode(seen.features.f32), "<f4")
        except (msgspec.MsgspecError, binascii.Error, ValueError):
            return []
        return self.drift.watch(logit, vector, at) if len(vector) == len(SCHEMA.names) else []

    def theta(self, now: float) -> Theta | None:
        """Return how to ask as of now (s); None where no mail has been seen or none is to be asked.

        The budget is messages a day.
        """
        volumes = self.volume.daily(now)
        return Theta(*chances(volumes, self._budget)) if any(volumes) and self._budget else None

    def to_bytes(self) -> bytes:
        """Return what is to be kept across a restart, as MessagePack."""
        return msgspec.msgpack.encode(_State(self.volume.to_bytes(), self.drift.to_bytes()))

    def restore(self, data: bytes) -> None:
        """Go on from what was kept; raises ArtifactError where it isn't what `to_bytes` wrote."""
        try:
            kept = msgspec.msgpack.decode(data, type=_State)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtifactError(f"state of watching: {error}") from None
        volume, drift = Volume.from_bytes(kept.volume), Drift.from_bytes(kept.drift)
        self.volume, self.drift = volume, drift


async def _below(consumer: Any, place: TopicPartition, end: int) -> Any:
    """Yield the records of a partition from where the consumer stands to below an end."""
    position = await consumer.position(place)
    while position < end:
        batches = await consumer.getmany(place, timeout_ms=_WAIT_MS)
        records: list[ConsumerRecord] = batches.get(place, [])
        for record in records:
            if record.offset < end:
                yield record
        position = await consumer.position(place)
        if not records:
            return
