"""Each override of Faust's transport, on Faust's real consumer, without a broker."""

import asyncio

import pytest
from faust.types import TP, ConsumerMessage

from streams.app import build_app
from streams.settings import load
from streams.transport import Consumer, ConsumerThread, Transport

ONE, TWO = TP("mail.messages", 1), TP("mail.messages", 2)


@pytest.fixture
def told():
    return {"commit": [], "revoke": []}


@pytest.fixture
async def app(told):
    settings = load(None, {"WEIR_KAFKA__FETCH_WAIT_MS": "77"})
    app = build_app(settings, told["commit"].append, told["revoke"].append)
    app.loop = asyncio.get_running_loop()
    app.finalize()
    app.topics._acking_topics.add("mail.messages")
    app.flow_control.resume()
    yield app
    app.consumer._thread.thread_loop.close()


@pytest.fixture
async def consumer(app, monkeypatch):
    """The app's own consumer; what it would pass on or commit is kept in lists."""
    consumer = app.consumer
    consumer.passed_on = []
    consumer.commits = []

    async def conduct(message):
        consumer.passed_on.append(message.offset)

    async def commit(offsets):
        consumer.commits.append(dict(offsets))
        return True

    monkeypatch.setattr(consumer, "_conduct", conduct)
    monkeypatch.setattr(consumer._thread, "commit", commit)
    monkeypatch.setattr(consumer._thread, "assignment", lambda: {ONE, TWO})

    async def nothing():
        pass

    monkeypatch.setattr(app.producer, "flush", nothing)
    return consumer


def message(offset, tp=ONE, size=10):
    return ConsumerMessage(
        tp.topic, tp.partition, offset, 0.0, 1, [], b"", b"x" * size, None, tp=tp
    )


async def deliver(consumer, *offsets, tp=ONE):
    messages = [message(offset, tp) for offset in offsets]
    for one in messages:
        await consumer.callback(one)
        consumer.track_message(one)
    return messages


async def test_the_app_uses_our_transport_consumer_and_thread(app):
    assert isinstance(app.transport, Transport)
    assert isinstance(app.consumer, Consumer)
    assert isinstance(app.consumer._thread, ConsumerThread)


async def test_an_empty_fetch_waits_as_long_as_the_setting_says(app):
    """Faust fixes it at 1500 ms."""
    consumer = app.consumer._thread._create_worker_consumer(app.transport)
    assert consumer._fetch_max_wait_ms == 77
    assert consumer._fetch_max_bytes == app.transport.buffer_bytes
    await consumer.stop()


async def test_no_commit_passes_a_delivered_message_without_an_ack(consumer):
    """Also before the first commit, where Faust's own guard misses it (issue 606)."""
    messages = await deliver(consumer, 0, 1, 2, 3)
    for index in (1, 2):
        consumer.ack(messages[index])
    await consumer.commit()
    assert consumer.commits == []
    consumer.ack(messages[0])
    await consumer.commit()
    consumer.ack(messages[3])
    await consumer.commit()
    assert consumer.commits == [{ONE: 3}, {ONE: 4}]


async def test_a_gap_in_the_logs_own_offsets_holds_nothing_up(consumer):
    for one in await deliver(consumer, 0, 5, 9):
        consumer.ack(one)
    await consumer.commit()
    assert consumer.commits == [{ONE: 10}]


async def test_partitions_are_committed_apart(consumer):
    first, second = await deliver(consumer, 4), await deliver(consumer, 8, 9, tp=TWO)
    consumer.ack(second[0])
    await consumer.commit()
    consumer.ack(first[0])
    await consumer.commit()
    assert consumer.commits == [{TWO: 9}, {ONE: 5}]


async def test_commits_are_told(consumer, told):
    consumer.ack((await deliver(consumer, 0))[0])
    await consumer.commit()
    assert told["commit"] == [{ONE: 1}]


async def test_a_rebalance_commits_what_was_acked_first(consumer, told):
    """Faust forgets it (issue 502)."""
    messages = await deliver(consumer, 0, 1)
    consumer.ack(messages[0])
    consumer.ack(messages[1])
    consumer.app.on_rebalance_start()
    await consumer.on_partitions_revoked({ONE})
    assert consumer.commits[0] == {ONE: 2}
    assert told["revoke"] == [{ONE}]


async def test_a_partition_is_exhausted_once_all_that_was_fetched_is_acked(consumer, monkeypatch):
    fetched = {ONE: [message(7), message(8)], TWO: []}

    async def getmany(**_):
        return fetched

    async def position(_):
        return 10

    monkeypatch.setattr(consumer, "_getmany", getmany)
    monkeypatch.setattr(consumer, "position", position)
    monkeypatch.setattr(consumer, "_get_active_partitions", lambda: {ONE, TWO})
    consumer.resume_flow()
    assert (await consumer._wait_next_records(0.1))[0] is fetched
    assert not await consumer.exhausted(ONE, 8, 10)
    assert await consumer.exhausted(ONE, 9, 10)
    assert await consumer.exhausted(TWO, 3, 10)
    assert not await consumer.exhausted(TWO, 3, 11)


async def test_bytes_in_hand_are_bounded_and_acks_make_room(consumer, app):
    app.transport.buffer_bytes = 100
    first, second = message(0, size=60), message(1, size=60)
    await consumer.callback(first)
    waiting = asyncio.create_task(consumer.callback(second))
    await asyncio.sleep(0.01)
    assert consumer.passed_on == [0]
    consumer.ack(first)
    await waiting
    assert consumer.passed_on == [0, 1]


async def test_a_message_larger_than_the_bound_goes_through_alone(consumer, app):
    app.transport.buffer_bytes = 100
    await consumer.callback(message(0, size=500))
    assert consumer.passed_on == [0]


async def test_a_partition_that_goes_gives_its_room_back(consumer, app):
    app.transport.buffer_bytes = 100
    await consumer.callback(message(0, size=90))
    consumer.app.on_rebalance_start()
    await consumer.on_partitions_revoked({ONE})
    await consumer.callback(message(0, TWO, size=90))
    assert consumer.passed_on == [0, 0]


async def test_a_delivery_that_a_rebalance_cut_short_keeps_no_room(consumer, monkeypatch):
    async def hang(_):
        await asyncio.sleep(60)

    monkeypatch.setattr(consumer, "_conduct", hang)
    task = asyncio.create_task(consumer.callback(message(0)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert consumer._unacked_bytes == 0


async def test_a_message_that_needs_not_wait_is_passed_on_without_tasks(consumer):
    """Mode makes four tasks for each."""
    suspended = asyncio.Event()
    before = asyncio.all_tasks()

    passed = await consumer.wait_first(consumer.callback(message(4)), suspended.wait())

    assert consumer.passed_on == [4]
    assert not passed.stopped
    assert asyncio.all_tasks() == before


async def test_a_message_that_waits_for_room_is_passed_on_when_there_is_some(consumer, app):
    app.transport.buffer_bytes = 10
    (held,) = await deliver(consumer, 0)
    waiting = asyncio.create_task(
        consumer.wait_first(consumer.callback(message(1)), asyncio.Event().wait())
    )
    await asyncio.sleep(0)
    assert consumer.passed_on == [0]

    consumer.ack(held)
    await waiting

    assert consumer.passed_on == [0, 1]


async def test_a_message_that_waits_for_room_gives_way_to_a_suspended_flow(consumer, app):
    """A rebalance waits until nothing is passed on."""
    app.transport.buffer_bytes = 10
    (held,) = await deliver(consumer, 0)
    suspended = asyncio.Event()
    waiting = asyncio.create_task(
        consumer.wait_first(consumer.callback(message(1)), suspended.wait())
    )
    await asyncio.sleep(0)

    suspended.set()
    await waiting
    consumer.ack(held)
    await asyncio.sleep(0)

    assert consumer.passed_on == [0]
    assert not consumer._unacked_bytes


@pytest.mark.parametrize("waits", [False, True])
async def test_what_breaks_while_a_message_is_passed_on_is_raised(consumer, monkeypatch, waits):
    async def conduct(_):
        if waits:
            await asyncio.sleep(0)
        raise KeyError("broken")

    monkeypatch.setattr(consumer, "_conduct", conduct)

    with pytest.raises(KeyError, match="broken"):
        await consumer.wait_first(consumer.callback(message(4)), asyncio.Event().wait())
    assert not consumer._unacked_bytes


async def test_without_brokers_metadata_is_asked_for_with_a_pause(app, monkeypatch):
    """Aiokafka asks again at once, thousands of times a second."""
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    consumer = app.consumer._thread._create_worker_consumer(app.transport)
    producer = app.producer._new_producer()
    monkeypatch.setattr("streams.transport.asyncio.sleep", sleep)
    for client in (consumer._client, producer.client):
        assert not await client._metadata_update(client.cluster, set())
    assert pauses == [0.1, 0.1]
    monkeypatch.undo()
    await consumer.stop()
    await producer.stop()
