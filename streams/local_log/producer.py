"""What publishers ask of aiokafka's idempotent producer, answered by a local log."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import UnknownTopicOrPartitionError  # type: ignore[import-untyped]  # no types
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped]  # no types
from aiokafka.structs import RecordMetadata  # type: ignore[import-untyped]  # no types

from streams.local_log.log import Appended, LocalLog, TopicRow, Written, size_of

__all__ = ["LocalBatch", "LocalProducer"]

_T = TypeVar("_T")

Headers = Sequence[tuple[str, bytes]]

_BATCH_BYTES: Final = 524_288  # as our publishers ask of Kafka's; a larger record goes alone
_LOG_APPEND_TIME: Final = 1


class Sized(Protocol):
    """A record as far as its size goes."""

    @property
    def topic(self) -> str:
        """Where it is to go."""
        ...

    @property
    def key(self) -> bytes | None:
        """Its key."""
        ...

    @property
    def value(self) -> bytes:
        """Its value."""
        ...

    @property
    def headers(self) -> Headers:
        """Its headers."""
        ...


class _Kept(NamedTuple):
    key: bytes | None
    value: bytes
    headers: Headers


class LocalBatch:
    """Records of one partition that are appended all together, or not at all."""

    def __init__(self) -> None:
        self.records: list[_Kept] = []
        self._size = 0

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes, headers: Headers = ()
    ) -> int | None:
        """Put a record in, and return its number in the batch; None where there is no room.

        The log gives the time, so `timestamp` says nothing.
        """
        del timestamp
        if self.records and self._size + len(value) > _BATCH_BYTES:
            return None
        self._size += len(value)
        self.records.append(_Kept(key, value, tuple(headers)))
        return len(self.records) - 1

    def close(self) -> None:
        """Do nothing: whoever made the batch alone adds to it."""


class LocalProducer:
    """Appends to the log of a folder; without a partition the key chooses it, as in Kafka.

    Raises LogFileError where the log can't be written, MessageSizeTooLargeError or
    UnknownTopicOrPartitionError for a record that it doesn't take.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._log: LocalLog | None = None
        self._thread = ThreadPoolExecutor(1, "weir-log")
        self._topics: dict[str, TopicRow] = {}
        self._sent: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Open the log."""
        self._log = await self._in_thread(lambda: LocalLog(self._folder))
        await self._learn()

    async def stop(self) -> None:
        """Close it, once what was sent is there."""
        await asyncio.gather(*self._sent, return_exceptions=True)
        log, self._log = self._log, None
        if log is not None:
            await self._in_thread(log.close)
        self._thread.shutdown(wait=False)

    async def send(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> "asyncio.Future[RecordMetadata]":
        """Append a record behind those sent before; return the future of where it lies."""
        number = await self._partition(topic, key) if partition is None else partition
        written = Written(topic, number, key, value, tuple(headers or ()))
        future = asyncio.ensure_future(self._append([written]))
        self._sent.add(future)
        future.add_done_callback(self._sent.discard)
        return future

    async def send_and_wait(self, topic: str, value: bytes, **record: Any) -> RecordMetadata:
        """Append a record, with what `send` takes; return where it lies."""
        return await (await self.send(topic, value, **record))

    def create_batch(self) -> LocalBatch:
        """Return a batch to fill, for `send_batch`."""
        return LocalBatch()

    async def send_batch(
        self, batch: LocalBatch, topic: str, *, partition: int
    ) -> "asyncio.Future[RecordMetadata]":
        """Append a batch to a partition; return the future of where its first record lies."""
        records = [Written(topic, partition, *record) for record in batch.records]
        return asyncio.ensure_future(self._append(records))

    async def append(self, records: Sequence[Written]) -> list[Appended]:
        """Append records of any topics in one transaction; return where each lies."""
        log = self._opened()
        return await self._in_thread(lambda: log.append(records))

    async def partition_of(self, topic: str, key: bytes | None) -> int:
        """Return the partition that a key's records go to: by murmur2, as Kafka's own clients.

        Raises UnknownTopicOrPartitionError.
        """
        return await self._partition(topic, key)

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the offset behind the last record of each partition, whoever appended it."""
        if topic not in self._topics:
            await self._learn()
        log, count = self._opened(), self._topics[topic].partitions
        parts = await self._in_thread(lambda: [log.part(topic, n) for n in range(count)])
        return {number: part.following for number, part in enumerate(parts)}

    def refusal(self, record: Sized) -> str | None:
        """Return why a record will never be taken, in one line; None where it may be."""
        row = self._topics.get(record.topic)
        if row is None or size_of(record.key, record.value, record.headers) <= row.record_bytes:
            return None
        return f"MessageSizeTooLargeError: {record.topic} takes up to {row.record_bytes} bytes"

    async def _append(self, records: Sequence[Written]) -> RecordMetadata:
        places = await self.append(records)
        first, topic = places[0], records[0].topic
        return RecordMetadata(
            topic,
            first.partition,
            TopicPartition(topic, first.partition),
            first.offset,
            first.appended_ms,
            _LOG_APPEND_TIME,
            None,
        )

    async def _partition(self, topic: str, key: bytes | None) -> int:
        if topic not in self._topics:
            await self._learn()
        if topic not in self._topics:
            raise UnknownTopicOrPartitionError(f"the local log has no {topic}")
        return int(murmur2(key) & 0x7FFFFFFF) % self._topics[topic].partitions if key else 0

    async def _learn(self) -> None:
        self._topics = await self._in_thread(self._opened().topics)

    def _opened(self) -> LocalLog:
        if self._log is None:
            raise RuntimeError("the writer of a local log isn't open")
        return self._log

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
