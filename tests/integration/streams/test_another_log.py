"""A log that isn't the one that was counted: the worker refuses, in one line."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from apps.state.rebuilding import rebuild
from features.envelope import LogPosition
from features.rolling import KINDS, Entity, Increment, counted
from streams.settings import load, read_keys
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore

pytestmark = pytest.mark.integration


async def test_another_log_under_the_same_name_is_refused_in_one_line(installation, mail, refuse):
    """A topic deleted and made anew by Kafka's own tools, with Redis as it was.

    A rebuild counts the new log alone: verdicts on other messages in the same places, and marks
    behind its end, say nothing of it. Then the worker starts.
    """
    worker = installation.start_worker()
    await asyncio.to_thread(worker.wait_ready)
    records = [installation.record(mail(number)) for number in range(50)]
    await installation.verdicts(await installation.send(records))
    assert await asyncio.to_thread(worker.stop) == 0
    topic = installation.topic("messages")
    admin = AIOKafkaAdminClient(bootstrap_servers=list(installation.settings.kafka.brokers))
    await admin.start()
    try:
        await admin.delete_topics([topic])
        config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "1131072"}
        for _ in range(100):  # the old one goes in its own time
            answer = await admin.create_topics([NewTopic(topic, 4, 1, topic_configs=config)])
            if not answer.topic_errors[0][1]:
                break
            await asyncio.sleep(0.2)
    finally:
        await admin.close()
    code, line = await asyncio.to_thread(refuse)
    assert code == 4
    for part in (topic, "ends at offset 0", "weir topics create", "weir state rebuild"):
        assert part in line
    await installation.send([installation.record(mail(number)) for number in range(50, 90)])
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    async with asyncio.timeout(60):
        rebuilt = await rebuild(settings, context, lambda *_: None)
    assert 0 < rebuilt.messages <= 40, "what lies behind a mark is the worker's"
    assert rebuilt.judged == 0
    worker = installation.start_worker()
    await asyncio.to_thread(worker.wait_ready)


async def test_a_worker_that_is_assigned_another_log_ends(installation):
    """Partitions of which more was counted than they hold come to it when its peer leaves."""
    workers = [installation.start_worker() for _ in range(2)]
    for worker in workers:
        await asyncio.to_thread(worker.wait_ready)
    await asyncio.sleep(2)
    store = RedisStore(installation.settings)
    epoch = await store.epoch(installation.topic("messages"), "none")
    entity = Entity(KINDS["helo"], bytes(12))
    seen = Increment(entity, counted(entity.kind, "messages"))
    for partition in range(4):
        await store.advance([Move(LogPosition(epoch, partition, 10**6), 1.0, (seen,))])
    await store.close()
    assert await asyncio.to_thread(workers[1].stop) == 0
    assert await asyncio.to_thread(workers[0].process.wait, 30) == 4
    reasons = [event["reason"] for event in workers[0].events if event["event"] == "another_log"]
    assert "up to 1000000" in reasons[0]
