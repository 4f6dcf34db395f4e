"""The agent of the mail log: reads without acking, hands over batches, acks in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, cast

import faust
import structlog
from faust.types import EventT

from streams.sections import WorkerSection
from streams.wire import Arrival, read_arrival

__all__ = ["Batches", "install", "read_in_batches"]

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

Process = Callable[[Sequence[Arrival]], Awaitable[None]]


class Ackable(Protocol):
    """A delivered record: Faust's event, as far as batches need it."""

    def ack(self) -> bool:
        """Acknowledge the record: it won't be delivered again."""
        ...


class Batches(Generic[_T]):
    """Whatever has arrived, as batches: never waiting for more, bounded by messages and bytes.

    A reader fills a bounded queue, a worker empties it; so a lone message isn't held back by a
    timer, and one batch is in hand at a time. `size` tells an arrival's bytes.
    """

    def __init__(
        self,
        section: WorkerSection,
        process: Callable[[Sequence[_T]], Awaitable[None]],
        acked: Callable[[_T], None],
        size: Callable[[_T], int] | None = None,
    ) -> None:
        self._messages = section.batch_messages
        self._bytes = section.batch_bytes
        self._process = process
        self._acked = acked
        self._size = size or _bytes
        self._queue: asyncio.Queue[tuple[Ackable, _T]] = asyncio.Queue(section.buffer_messages)
        self._next: tuple[Ackable, _T] | None = None

    async def put(self, event: Ackable, arrival: _T) -> None:
        """Wait for room in the queue, and put the record there."""
        await self._queue.put((event, arrival))

    async def work(self) -> None:
        """Process batch after batch; ends only by an exception, which must end the process."""
        while True:
            batch = await self._take()
            await self._process([arrival for _, arrival in batch])
            for event, arrival in batch:
                event.ack()
                self._acked(arrival)

    async def _take(self) -> list[tuple[Ackable, _T]]:
        first, self._next = self._next, None
        item = first or await self._queue.get()
        batch = [item]
        size = self._size(item[1])
        while len(batch) < self._messages and not self._queue.empty():
            item = self._queue.get_nowait()
            size += self._size(item[1])
            if size > self._bytes:
                self._next = item
                break
            batch.append(item)
        return batch


def install(
    app: faust.App,
    topic: str,
    section: WorkerSection,
    process: Process,
    *,
    epoch: str,
    acked: Callable[[Arrival], None],
    died: Callable[[BaseException], None],
) -> None:
    """Add the agent to an app; `died` is told if it or its worker fails, to end the process."""
    read_in_batches(
        app,
        topic,
        "messages",
        section,
        process,
        read=lambda event: _arrival(event, epoch),
        size=_bytes,
        acked=acked,
        died=died,
    )


def read_in_batches(  # noqa: PLR0913 - an agent's parts, each by its name
    app: faust.App,
    topic: str,
    name: str,
    section: WorkerSection,
    process: Callable[[Sequence[_T]], Awaitable[None]],
    *,
    read: Callable[[EventT[Any]], _T],
    size: Callable[[_T], int],
    acked: Callable[[_T], None],
    died: Callable[[BaseException], None],
) -> None:
    """Add an agent to an app that hands over what `read` makes of a topic's records, in batches.

    An exception in an agent acks the message it was at, so none may leave: the worker is a task
    of its own, and the agent only reads.
    """

    async def agent(stream: Any) -> None:  # Faust's interface lacks noack()
        """Read; the worker task works."""
        batches = Batches(section, process, acked, size)
        worker = asyncio.create_task(batches.work(), name="weir-batches")
        worker.add_done_callback(lambda task: _report(task, died))
        try:
            async for event in cast("AsyncIterator[EventT[Any]]", stream.noack().events()):
                try:
                    await batches.put(event, read(event))
                except Exception as error:
                    died(error)
                    raise
        finally:
            worker.cancel()

    app.agent(
        app.topic(
            topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        ),
        concurrency=1,
        name=name,
    )(agent)


def _bytes(arrival: Any) -> int:
    return len(arrival.incoming.raw)


def _report(task: "asyncio.Task[None]", died: Callable[[BaseException], None]) -> None:
    if not task.cancelled():
        error = task.exception()
        died(error or RuntimeError("the worker of the batches ended"))


def _arrival(event: EventT[Any], epoch: str) -> Arrival:
    message = event.message
    read = partial(
        read_arrival,
        epoch=epoch,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=_milliseconds(message.timestamp),
        key=message.key,
        value=message.value,
    )
    try:
        return read(headers=message.headers)
    except Exception as error:  # noqa: BLE001 - reading never raises; if it does, mail goes on
        log.error(  # noqa: TRY400 - what it says may quote the message
            "headers_not_read",
            partition=message.partition,
            offset=message.offset,
            error=type(error).__name__,
        )
        return read(headers=None)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
