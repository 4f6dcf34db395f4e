import asyncio

import pytest

from features.envelope import LogPosition
from streams.stores.breaker import Breaker, GuardedStore
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, StoreError


class Faulty(MemoryStore):
    """A store in memory that fails or hangs while it is told to."""

    def __init__(self):
        super().__init__()
        self.fault = None
        self.calls = 0

    async def ping(self):
        self.calls += 1
        if self.fault == "fail":
            raise StoreError("redis: ping: refused")
        if self.fault == "hang":
            await asyncio.sleep(60)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def faulty():
    return Faulty()


@pytest.fixture
def failures():
    return []


@pytest.fixture
def guarded(faulty, clock, failures):
    breaker = Breaker(failures=2, seconds=5, clock=lambda: clock[0])
    return GuardedStore(faulty, breaker, timeout=0.05, on_failure=failures.append)


async def fail(guarded):
    with pytest.raises(StoreError):
        await guarded.ping()


async def test_failures_in_a_row_open_it_and_spare_the_store(guarded, faulty, failures):
    faulty.fault = "fail"
    for _ in range(5):
        await fail(guarded)
    assert faulty.calls == 2
    assert guarded.breaker.state == "open"
    assert failures == ["ping"] * 5


async def test_a_success_between_failures_keeps_it_closed(guarded, faulty):
    for fault in ("fail", None, "fail", None):
        faulty.fault = fault
        if fault:
            await fail(guarded)
        else:
            await guarded.ping()
    assert guarded.breaker.state == "closed"


async def test_nothing_to_forget_says_nothing_of_the_store(guarded, faulty, clock):
    """The worker asks it every second: an outage would never open the breaker."""
    faulty.fault = "fail"
    await fail(guarded)
    await guarded.forget([])
    await fail(guarded)
    assert guarded.breaker.state == "open"
    clock[0] = 6
    await guarded.forget([])
    assert guarded.breaker.state == "open"


async def test_a_store_that_hangs_fails_within_the_time_limit(guarded, faulty):
    faulty.fault = "hang"
    with pytest.raises(StoreError, match=r"no answer within 0\.05 s"):
        await guarded.ping()


async def test_after_a_pause_one_probe_decides(guarded, faulty, clock):
    faulty.fault = "fail"
    await fail(guarded)
    await fail(guarded)
    clock[0] = 6
    await fail(guarded)
    assert guarded.breaker.state == "open"
    clock[0] = 12
    faulty.fault = None
    await guarded.ping()
    assert guarded.breaker.state == "closed"


async def test_only_one_probe_goes_through_at_a_time(guarded, faulty, clock):
    faulty.fault = "fail"
    await fail(guarded)
    await fail(guarded)
    clock[0] = 6
    faulty.fault = "hang"
    results = await asyncio.gather(guarded.ping(), guarded.ping(), return_exceptions=True)
    assert faulty.calls == 3
    assert all(isinstance(result, StoreError) for result in results)


async def test_a_cancelled_probe_does_not_leave_it_half_open(guarded, faulty, clock):
    faulty.fault = "fail"
    await fail(guarded)
    await fail(guarded)
    clock[0] = 6
    faulty.fault = "hang"
    task = asyncio.create_task(guarded.ping())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert guarded.breaker.state == "open"


async def test_every_method_passes_through(guarded):
    place = LogPosition("e", 0, 0)
    assert await guarded.look_up([]) == []
    assert await guarded.record([Keeping(place, b"v")]) == [b"v"]
    await guarded.forget([place])
    await guarded.set_epoch("t", "e")
    assert await guarded.epoch("t", "f") == "e"
    await guarded.keep_policy("d", b"p")
    assert await guarded.policy("d") == b"p"
    await guarded.close()
