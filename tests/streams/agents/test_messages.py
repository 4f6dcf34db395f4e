import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from streams.agents import messages
from streams.agents.messages import Batches, install
from streams.sections import WorkerSection


class Event:
    """A delivered record that remembers when it was acked, and tells of the last."""

    def __init__(self, log, offset, last=None):
        self.log = log
        self.offset = offset
        self.last = last

    def ack(self):
        self.log.append(("ack", self.offset))
        if self.last is not None:
            self.last.set()
        return True


@pytest.fixture
def events():
    return []


@pytest.fixture
def done():
    return asyncio.Event()


@pytest.fixture
def event(events, done):
    def make(offset, last=None):
        return Event(events, offset, done if offset == last else None)

    return make


async def run(batches, done):
    """Let the batches work until an event is set, or until they fail."""
    worker = asyncio.create_task(batches.work())
    waiting = asyncio.create_task(done.wait())
    try:
        await asyncio.wait({worker, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if worker.done():
            await worker
        assert done.is_set()
    finally:
        waiting.cancel()
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError, RuntimeError):
            await worker


async def test_a_batch_is_whatever_is_there_up_to_the_bound(arrive, event, events, done):
    sizes = []

    async def process(arrivals):
        sizes.append(len(arrivals))
        await asyncio.sleep(0)

    batches = Batches(WorkerSection(batch_messages=3), process, lambda _: None)
    for offset in range(7):
        await batches.put(event(offset, last=6), arrive(offset=offset))
    await run(batches, done)
    assert sizes == [3, 3, 1]


async def test_bytes_bound_a_batch_and_the_one_too_many_leads_the_next(arrive, event, done):
    seen = []

    async def process(arrivals):
        seen.append([arrival.position.offset for arrival in arrivals])
        await asyncio.sleep(0)

    batches = Batches(WorkerSection(batch_bytes=100_000), process, lambda _: None)
    for offset, size in enumerate([60_000, 60_000, 30_000, 200_000, 10]):
        await batches.put(event(offset, last=4), arrive(b"x" * size, offset=offset))
    await run(batches, done)
    assert seen == [[0], [1, 2], [3], [4]]


async def test_acks_come_after_the_batch_and_in_order(arrive, event, events, done):
    acked = []

    async def process(arrivals):
        await asyncio.sleep(0)
        events.append(("processed", len(arrivals)))

    batches = Batches(WorkerSection(batch_messages=2), process, acked.append)
    for offset in range(4):
        await batches.put(event(offset, last=3), arrive(offset=offset))
    await run(batches, done)
    assert events == [
        ("processed", 2),
        ("ack", 0),
        ("ack", 1),
        ("processed", 2),
        ("ack", 2),
        ("ack", 3),
    ]
    assert [arrival.position.offset for arrival in acked] == [0, 1, 2, 3]


async def test_a_batch_that_fails_acks_nothing_and_ends_the_worker(arrive, event, events, done):
    async def process(arrivals):
        raise RuntimeError(f"{len(arrivals)} not delivered")

    batches = Batches(WorkerSection(), process, lambda _: None)
    await batches.put(event(0), arrive())
    with pytest.raises(RuntimeError, match="1 not delivered"):
        await run(batches, done)
    assert events == []


async def test_a_full_queue_holds_the_reader_back(arrive, event, events, done):
    batches = Batches(WorkerSection(buffer_messages=2), None, lambda _: None)
    for offset in range(2):
        await batches.put(event(offset), arrive(offset=offset))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await batches.put(event(2), arrive(offset=2))


class Stream:
    """Faust's stream, as far as the agent needs it: records by offset, all of them bare."""

    def __init__(self, records):
        self.records = records

    def noack(self):
        return self

    async def events(self):
        for offset in range(self.records):
            message = SimpleNamespace(
                partition=0,
                offset=offset,
                timestamp=0.0,
                key=b"k",
                value=b"x",
                headers=[("h", b"")],
            )
            yield SimpleNamespace(message=message, ack=lambda: True)
            await asyncio.sleep(0)


@pytest.fixture
def agent():
    """Return the agent as `install` gives it to an app, and what it says when it died."""

    def make(process, epoch="e"):
        deaths = []
        taken = []
        app = SimpleNamespace(topic=lambda *_, **__: None, agent=lambda *_, **__: taken.append)
        section = WorkerSection(buffer_messages=1)
        install(app, "t", section, process, epoch=epoch, acked=lambda _: None, died=deaths.append)
        return taken[0], deaths

    return make


async def test_a_record_whose_headers_break_reading_is_judged_without_them(agent, monkeypatch):
    """An exception in the agent would ack it unjudged."""
    read = messages.read_arrival

    def broken(**given):
        if given["offset"] == 1 and given["headers"]:
            raise ZeroDivisionError
        return read(**given)

    seen = []

    async def process(arrivals):
        seen.extend((one.position.offset, one.headers) for one in arrivals)
        await asyncio.sleep(0)

    monkeypatch.setattr(messages, "read_arrival", broken)
    run_agent, deaths = agent(process)
    await run_agent(Stream(4))
    assert seen[:3] == [(0, [("h", b"")]), (1, []), (2, [("h", b"")])]
    assert deaths == []


async def test_an_agent_that_fails_ends_the_process_before_faust_acks(agent, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError

    async def process(_):
        await asyncio.sleep(0)

    monkeypatch.setattr(messages, "read_arrival", broken)
    run_agent, deaths = agent(process)
    with pytest.raises(ZeroDivisionError):
        await run_agent(Stream(1))
    assert [type(error) for error in deaths] == [ZeroDivisionError]
