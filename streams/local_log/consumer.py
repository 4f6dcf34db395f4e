"""What readers of a log ask of aiokafka's consumer without a group, answered by a local log.

All that is built on streams.reader.open_reader works on either, also from other processes.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from aiokafka import ConsumerRecord, TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import OffsetOutOfRangeError  # type: ignore[import-untyped]  # no types
from aiokafka.structs import OffsetAndTimestamp  # type: ignore[import-untyped]  # no types

from streams.local_log.file import FILE
from streams.local_log.log import LocalLog, Part, Stored

__all__ = ["LocalConsumer"]

_T = TypeVar("_T")

_LOOK: Final = 0.05  # seconds between looks for what another thread or process has appended
_SURELY: Final = 1.0  # seconds after which one looks though nothing seems to have changed
_TICK_NS: Final = (
    50_000_000  # what changes within a tick of the clock may leave a file's time as it was
)
_MOST: Final = 500  # records a call
_BYTES: Final = 4_194_304  # of a partition a call; a larger record comes all the same, alone
_LOG_APPEND_TIME: Final = 1


class LocalConsumer:
    """Reads assigned partitions from where it was put; without a seek from their ends.

    An offset that is no longer there goes on at the first that is; with `strict` it raises
    OffsetOutOfRangeError with the partitions, as a consumer without a reset does. Raises
    LogFileError where the log can't be read.
    """

    def __init__(self, folder: str, *, strict: bool = False) -> None:
        self._folder = folder
        self._strict = strict
        self._log: LocalLog | None = None
        self._thread = ThreadPoolExecutor(1, "weir-log")
        self._positions: dict[TopicPartition, int | None] = {}
        self._paused: set[TopicPartition] = set()

    async def start(self) -> None:
        """Open the log."""
        self._log = await self._in_thread(lambda: LocalLog(self._folder))

    async def stop(self) -> None:
        """Close it; what is being read is read to its end first."""
        log, self._log = self._log, None
        if log is not None:
            await self._in_thread(log.close)
        self._thread.shutdown(wait=False)

    def assign(self, places: Iterable[TopicPartition]) -> None:
        """Read these partitions alone from now on; where one was read before, it goes on."""
        self._positions = {place: self._positions.get(place) for place in places}
        self._paused &= self._positions.keys()

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions that are assigned."""
        return set(self._positions)

    def pause(self, *places: TopicPartition) -> None:
        """Return nothing of these partitions until they are resumed."""
        self._paused.update(places)

    def resume(self, *places: TopicPartition) -> None:
        """Go on with these partitions."""
        self._paused.difference_update(places)

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Go to an offset of an assigned partition."""
        self._positions[place] = offset

    async def seek_to_beginning(self, *places: TopicPartition) -> None:
        """Go to the first offsets of these partitions, of all without any."""
        self._positions |= await self.beginning_offsets(places or list(self._positions))

    async def seek_to_end(self, *places: TopicPartition) -> None:
        """Go behind the last offsets of these partitions, of all without any."""
        self._positions |= await self.end_offsets(places or list(self._positions))

    async def position(self, place: TopicPartition) -> int:
        """Return the next offset that will be read of a partition."""
        found = self._positions[place]
        if found is None:
            found = self._positions[place] = (await self.end_offsets([place]))[place]
        return found

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[Any, int]:
        """Return the first offset that is still there, of each partition."""
        parts = await self._parts(places)
        return {place: part.first for place, part in zip(places, parts, strict=True)}

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[Any, int]:
        """Return the offset behind the last record of each partition."""
        asked = list(places)
        parts = await self._parts(asked)
        return {place: part.following for place, part in zip(asked, parts, strict=True)}

    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> dict[Any, OffsetAndTimestamp | None]:
        """Return the first offset at a time (epoch ms) or later, None where there is none."""

        def find(log: LocalLog) -> list[tuple[int, int] | None]:
            """Ask for each in its turn."""
            return [log.offset_at(at.topic, at.partition, moment) for at, moment in times.items()]

        found = await self._ask(find)
        return {
            place: None if one is None else OffsetAndTimestamp(*one)
            for place, one in zip(times, found, strict=True)
        }

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[Any, list[ConsumerRecord]]:
        """Return what is there of partitions (of all without any), waiting so long for the first.

        Paused partitions have nothing.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_ms / 1000
        while True:
            before = self._stamp()
            active = [place for place in places or self._positions if place not in self._paused]
            starts = {place: await self.position(place) for place in active}
            found = await self._read(starts, max_records or _MOST)
            if found or loop.time() >= until:
                return found
            await self._changed(before, until)

    async def getone(self, *places: TopicPartition) -> ConsumerRecord:
        """Return the next record of partitions (of all without any), however long it takes."""
        while True:
            found = await self.getmany(*places, timeout_ms=1_000, max_records=1)
            for records in found.values():
                return records[0]

    async def __aiter__(self) -> Any:
        """Yield records for ever."""
        while True:
            yield await self.getone()

    async def _changed(self, before: tuple[int, int] | None, until: float) -> None:
        """Return when the log may have changed, or it is time.

        A look at the file costs a fiftieth of one into it, and a hook's readers look all the time.
        """
        loop = asyncio.get_running_loop()
        until = min(until, loop.time() + _SURELY)
        while True:
            await asyncio.sleep(min(_LOOK, max(0.0, until - loop.time())))
            if before is None or loop.time() >= until or self._stamp() != before:
                return

    def _stamp(self) -> tuple[int, int] | None:
        """Return what any appending changes, None where it may not: time and size of the WAL."""
        try:
            found = Path(self._folder, f"{FILE}-wal").stat()
        except OSError:
            return None
        if time.time_ns() - found.st_mtime_ns < _TICK_NS:
            return None
        return found.st_mtime_ns, found.st_size

    async def _read(self, starts: dict[TopicPartition, int], most: int) -> dict[Any, Any]:
        parts, found = await self._ask(lambda log: _read(log, starts, most))
        result = {}
        gone = {}
        for (place, start), part, records in zip(starts.items(), parts, found, strict=True):
            if start > part.following or start < part.first:
                gone[place] = start
            if self._positions.get(place) != start:  # another seek came meanwhile
                continue
            if not self._strict and not records and place in gone:
                self._positions[place] = min(max(start, part.first), part.following)
            if records:
                self._positions[place] = records[-1].offset + 1
                result[place] = [_record(place, record) for record in records]
        if self._strict and gone:
            for place in result:
                self._positions[place] = starts[place]
            raise OffsetOutOfRangeError(gone)
        return result

    async def _parts(self, places: Sequence[TopicPartition]) -> list[Part]:
        return await self._ask(
            lambda log: [log.part(place.topic, place.partition) for place in places]
        )

    async def _ask(self, call: Callable[[LocalLog], _T]) -> _T:
        log = self._log
        if log is None:
            raise RuntimeError("the reader of a local log isn't open")
        return await self._in_thread(lambda: call(log))

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _read(
    log: LocalLog, starts: Mapping[TopicPartition, int], most: int
) -> tuple[list[Part], list[list[Stored]]]:
    parts, found = [], []
    for place, start in starts.items():
        parts.append(log.part(place.topic, place.partition))
        records = []
        if most > 0:
            records = log.read(place.topic, place.partition, start, records=most, size=_BYTES)
        most -= len(records)
        found.append(records)
    return parts, found


def _record(place: TopicPartition, stored: Stored) -> ConsumerRecord:
    return ConsumerRecord(
        topic=place.topic,
        partition=place.partition,
        offset=stored.offset,
        timestamp=stored.appended_ms,
        timestamp_type=_LOG_APPEND_TIME,
        key=stored.key,
        value=stored.value,
        checksum=None,
        serialized_key_size=len(stored.key) if stored.key is not None else -1,
        serialized_value_size=len(stored.value),
        headers=stored.headers,
    )
