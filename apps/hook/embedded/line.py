"""The gateway's line to the pipeline in this process: requests by a queue, replies by a call."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError, NodeNotReadyError  # type: ignore[import-untyped]  # no types

from apps.hook.embedded.mail import Mail, Waiting
from apps.hook.link import Arrived
from streams.delivery import DeliveryError
from streams.local_log.producer import LocalProducer
from streams.settings import Settings
from streams.topics import TopicError, name
from streams.wire import Record

__all__ = ["LocalLine"]

_PAUSE: Final = 1.0  # seconds before the log is tried again
_IDLE: Final = 0.5  # seconds between two looks at what other processes have appended
_GRACE: Final = 5.0  # seconds for the batch in hand when it must end

log = structlog.get_logger(__name__)


class LocalLine:
    """Hands over whatever waits as a batch, one in hand at a time, as a worker's agent does.

    It is open once the log's mail is caught up. `between` is called between batches, where the
    state is whole, `before` is awaited before mail is judged. Used from the event loop alone.
    """

    partition = 0

    def __init__(
        self,
        settings: Settings,
        arrived: Arrived,
        between: Callable[[], None] = lambda: None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.arrived = arrived
        self._section = settings.worker
        self._topic = name(settings, "messages")
        self._between = between
        self._before = before
        self._mail: Mail | None = None
        self._producer: LocalProducer | None = None
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._next: Waiting | None = None
        self._opened = asyncio.Event()
        self._reached = asyncio.Event()

    def install(self, mail: Mail, producer: LocalProducer) -> None:
        """Give it what it hands over to; before that nothing runs."""
        self._mail, self._producer = mail, producer
        self._reached.set()

    @property
    def is_open(self) -> bool:
        """Whether messages are judged."""
        return self._opened.is_set()

    @property
    def is_reached(self) -> bool:
        """Whether the log can be appended to, caught up or not."""
        return self._reached.is_set()

    async def reached(self) -> None:
        """Return when it can."""
        await self._reached.wait()

    async def send(self, record: Record) -> "asyncio.Future[Any]":
        """Take a record; return the future of its place. Raises NodeNotReadyError while closed.

        Only mail waits for the log to be caught up.
        """
        if self._producer is None or (record.topic == self._topic and not self.is_open):
            raise NodeNotReadyError("the local log isn't caught up")
        if record.topic != self._topic:
            return await self._producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            )
        place: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Waiting(record, place))
        return place

    async def run(self) -> None:
        """Judge until cancelled; the batch in hand is finished then."""
        mail = self._mail
        if mail is None:
            raise RuntimeError("a line without mail")
        while True:
            try:
                if self._before is not None:
                    await self._before()
                await _finished(mail.catch_up())
                self._opened.set()
                while True:
                    batch = await self._take()
                    await _finished(mail.take(batch) if batch else mail.look())
                    self._between()
            except (KafkaError, TopicError, DeliveryError, OSError) as error:
                log.error("mail_not_judged", error=f"{type(error).__name__}: {error}"[:300])  # noqa: TRY400 - a full disk, no defect
            except Exception as error:
                log.exception("mail_not_judged", error=type(error).__name__)
            finally:
                self._close()
            await asyncio.sleep(_PAUSE)

    async def _take(self) -> list[Waiting]:
        """Return what waits, bounded by messages and bytes; nothing after a while without any."""
        first, self._next = self._next, None
        if first is None:
            try:
                async with asyncio.timeout(_IDLE):
                    first = await self._queue.get()
            except TimeoutError:
                return []
        batch, size = [first], len(first.record.value)
        while len(batch) < self._section.batch_messages and not self._queue.empty():
            one = self._queue.get_nowait()
            size += len(one.record.value)
            if size > self._section.batch_bytes:
                self._next = one
                break
            batch.append(one)
        return batch

    def _close(self) -> None:
        """Take nothing more, and tell those who wait that nobody will judge their messages."""
        self._opened.clear()
        left = [] if self._next is None else [self._next]
        self._next = None
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        for one in left:
            if not one.place.done():
                one.place.set_exception(NodeNotReadyError("the local log was closed"))


async def _finished(work: Awaitable[None]) -> None:
    """Await work; where this is cancelled it has some seconds to end."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, pending = await asyncio.wait({task}, timeout=_GRACE)
        for each in pending:
            each.cancel()
        with contextlib.suppress(BaseException):
            await task
        raise
