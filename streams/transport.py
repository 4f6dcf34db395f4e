"""Faust's Kafka transport with the few changes that delivery and latency need.

Each override says which behaviour of faust-streaming 0.15.3 it changes; tests/streams/
test_transport.py holds each of them.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message
from mode.services import WaitResults

from streams.begun import Begun

__all__ = ["Consumer", "ConsumerThread", "Producer", "Transport"]

Committed = Callable[[Mapping[TP, int]], None]
Revoked = Callable[[Iterable[TP]], None]


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches: waits less for an empty fetch, and bounds a fetch's bytes."""

    abstract = False

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        """Faust fixes fetch_max_wait_ms at 1500: a stalled partition then waits for the others."""
        consumer = super()._create_worker_consumer(transport)
        if isinstance(transport, Transport):
            consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - no argument for it
            consumer._fetch_max_bytes = transport.buffer_bytes  # noqa: SLF001 - no argument for it
        _pace(consumer._client)  # noqa: SLF001 - no other way to it
        return consumer


class Producer(driver.Producer):
    """The producer: asks for metadata no faster than brokers can come back."""

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        _pace(producer.client)
        return producer


class Consumer(driver.Consumer):
    """The consumer: commits no further than the first message without an ack, bounds bytes."""

    transport: "Transport"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unacked_sizes: defaultdict[TP, dict[int, int]] = defaultdict(dict)
        self._unacked_bytes = 0
        self._fetched: dict[TP, int] = {}
        self._room = asyncio.Event()
        self._conduct = self.callback
        self.callback = self._deliver

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust names it so
    ) -> tuple[RecordMap | None, set[TP] | None]:
        """Note the last offset fetched: Faust's own are of what it has passed on."""
        records, active = await super()._wait_next_records(timeout)
        for tp, fetched in (records or {}).items():
            if fetched:
                self._fetched[tp] = fetched[-1].offset
        return records, active

    async def exhausted(self, tp: TP, acked: int, end: int) -> bool:
        """Tell whether nothing is left up to `end` though only what is below `acked` is done.

        A log may end in records that no consumer sees: markers of a publisher's transactions.
        """
        if self._fetched.get(tp, -1) >= acked:
            return False
        position = await self.position(tp)
        return position is not None and position >= end

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 - mode names it so
        """Run the first to where it waits before tasks are made: mode makes four for each message.

        Passing a message on hardly ever waits: only for room, or while the flow is stopped.
        """
        first, *others = coros
        if timeout is not None or not asyncio.iscoroutine(first):
            return await super().wait_first(*coros, timeout=timeout)
        try:
            waits_for = first.send(None)
        except BaseException as ended:
            for other in others:
                if asyncio.iscoroutine(other):
                    other.close()
            if isinstance(ended, StopIteration):
                return WaitResults([first], [ended.value], stopped=False)
            raise
        return await super().wait_first(Begun(first, waits_for), *others)

    async def _deliver(self, message: Message) -> None:
        """Pass a message on when there is room: Faust bounds its buffers by messages alone."""
        size = len(message.value or b"")
        while self._unacked_bytes and self._unacked_bytes + size > self.transport.buffer_bytes:
            self._room.clear()
            await self._room.wait()
        self._unacked_sizes[message.tp][message.offset] = size
        self._unacked_bytes += size
        try:
            await self._conduct(message)
        except BaseException:
            self._settle(message.tp, message.offset)  # a rebalance cut in: it comes again
            raise

    def ack(self, message: ConsumerMessage) -> bool:  # type: ignore[override]  # Faust types it wider
        """Settle a message's bytes along with its ack."""
        self._settle(message.tp, message.offset)
        return super().ack(message)

    def _settle(self, tp: TP, offset: int) -> None:
        size = self._unacked_sizes[tp].pop(offset, None)
        if size is not None:
            self._unacked_bytes -= size
            self._room.set()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit first: Faust drops what was acked since the last commit (its issue 502)."""
        await self.commit()
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            for offset in list(self._unacked_sizes[tp]):
                self._settle(tp, offset)
        self.transport.on_revoke(revoked)

    def _new_offset(self, tp: TP) -> int | None:
        """Return what to commit: never past a delivered message without an ack (its issue 606)."""
        acked = self._acked[tp]
        if not acked:
            return None
        acked.sort()
        first_unacked = min(self._unacked_sizes[tp], default=None)
        end = len(acked) if first_unacked is None else bisect_left(acked, first_unacked)
        if not end:
            return None
        done = acked[:end]
        del acked[:end]
        self._acked_index[tp].difference_update(done)
        return done[-1] + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: `_new_offset` needs no record of the log's own gaps."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = await super()._commit(offsets)
        if committed:
            self.transport.on_commit(offsets)
        return committed


class Transport(driver.Transport):
    """The transport of a worker.

    `on_commit` is told of the offsets of each commit, `on_revoke` of the partitions that go.
    """

    Consumer = Consumer
    Producer = Producer

    def __init__(
        self,
        url: list[Any],
        app: AppT,
        *,
        fetch_wait_ms: int,
        buffer_bytes: int,
        on_commit: Committed = lambda _: None,
        on_revoke: Revoked = lambda _: None,
    ) -> None:
        super().__init__(url, app)
        self.fetch_wait_ms = fetch_wait_ms
        self.buffer_bytes = buffer_bytes
        self.on_commit = on_commit
        self.on_revoke = on_revoke


def _pace(client: Any) -> None:
    """Make a client pause after a failed update of its metadata, as it means to.

    aiokafka's sender and fetcher ask again at once while a leader is unknown: with the brokers
    away, thousands of connection attempts and log lines a second.
    """
    update = client._metadata_update  # noqa: SLF001 - no other way to it

    async def paced(cluster: Any, topics: Any) -> bool:
        updated: bool = await update(cluster, topics)
        if not updated:
            await asyncio.sleep(client._retry_backoff)  # noqa: SLF001 - its own setting
        return updated

    client._metadata_update = paced  # noqa: SLF001 - no other way to it
