"""What must not lose mail: killed workers, stores and brokers that go away, rebalances."""

import asyncio
import signal
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from detectors.verdict import Verdict

pytestmark = pytest.mark.integration

POISONED = Path(__file__).parent / "poisoned_worker.py"


def degraded(by_event):
    """Count the verdicts that were made without the store."""
    values = [records[0].value for records in by_event.values()]
    return sum("store" in msgspec.json.decode(value, type=Verdict).degraded for value in values)


async def test_redis_may_go_and_come_back(installation, stack, mail, same_value):
    """Verdicts go on, marked; then they are whole again, in the same process."""
    worker = installation.start_worker().wait_ready()
    records = [installation.record(mail(number)) for number in range(600)]
    sending = asyncio.create_task(installation.send(records, rate=150))
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.stop_redis)
    await asyncio.sleep(1.5)
    assert worker.metric("weir_store_breaker") > 0
    await asyncio.to_thread(stack.start_redis)
    by_event = await installation.verdicts(await sending)
    same_value(by_event)
    assert 0 < degraded(by_event) < 600
    await asyncio.sleep(0.5)
    after = [installation.record(mail(number)) for number in range(20)]
    by_event = await installation.verdicts(await installation.send(after))
    marked = [by_event[f"{r.key.decode()}.judged"] for r in after]
    assert degraded(dict(enumerate(marked))) == 0
    assert worker.metric("weir_store_breaker") == 0
    assert worker.process.poll() is None


async def test_kafka_may_restart(installation, stack, mail, same_value):
    """The worker waits, goes on, and commits, in the same process."""
    worker = installation.start_worker().wait_ready()
    records = [installation.record(mail(number)) for number in range(400)]
    sending = asyncio.create_task(installation.send(records, rate=100))
    await asyncio.sleep(1)
    await asyncio.to_thread(stack.restart_kafka)
    by_event = await installation.verdicts(await sending)
    assert len(by_event) == 400
    same_value(by_event)
    after = [installation.record(mail(number)) for number in range(20)]
    await installation.verdicts(await installation.send(after))
    assert worker.process.poll() is None
    assert worker.stop() == 0
    first, *_, last = [datetime.fromisoformat(event["timestamp"]) for event in worker.events]
    # A busy loop writes thousands a second, however long the broker is away.
    assert len(worker.events) < 200 * (last - first).total_seconds(), "a busy loop"


async def test_a_worker_that_stalls_ends_itself_for_its_supervisor(installation, mail):
    """By a worker of the tests whose core hangs; nothing was acked, so the next one judges all."""
    static = {"WEIR_KAFKA__GROUP_INSTANCE_ID": "w1"}
    stalled = installation.start_worker(
        POISONED, POISON_CURE="", WEIR_WORKER__STALL_SECONDS="2", **static
    ).wait_ready()
    records = [installation.record(mail(number)) for number in range(20)]
    hanging = installation.record(b"From: a@b.example\n\nHANG\n")
    sent = await installation.send([hanging, *records])
    assert await asyncio.to_thread(stalled.process.wait, 30) == 75
    assert "worker_stalled" in {event["event"] for event in stalled.events}
    installation.start_worker(**static)
    await installation.verdicts(sent)


async def test_a_stop_without_a_broker_takes_no_longer_than_its_time_limit(installation, stack):
    worker = installation.start_worker(WEIR_WORKER__STOP_SECONDS="2").wait_ready()
    stack.kafka.pause()
    try:
        worker.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.process.wait, 10) in {0, 1}
    finally:
        stack.kafka.resume()
