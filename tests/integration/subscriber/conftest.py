"""Topics of each test's own on the session's Kafka, and verdicts put into them."""

import asyncio
import secrets

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec.structs import replace

from detectors.record import encode
from streams.settings import load
from streams.topics import table
from tests.detectors.test_record import VERDICT


@pytest.fixture
def environment(brokers, redis_url, tmp_path, monkeypatch):
    """What the settings of this test's own are read from."""
    own = secrets.token_hex(4)
    monkeypatch.chdir(tmp_path)
    return {
        "WEIR_KAFKA__BROKERS": brokers,
        "WEIR_KAFKA__GROUP": own,
        "WEIR_KAFKA__HEARTBEAT_SECONDS": "0.3",
        "WEIR_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
        "WEIR_TOPICS__PREFIX": f"{own}.",
        "WEIR_REDIS__URL": redis_url,
    }


@pytest.fixture
async def settings(environment):
    made = load(None, environment)
    admin = AIOKafkaAdminClient(bootstrap_servers=list(made.kafka.brokers))
    await admin.start()
    await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=topic.config)
            for topic in table(made)
        ]
    )
    await admin.close()
    return made


@pytest.fixture
async def publish(settings):
    """Put verdicts of so many numbers into partitions in turn, each keyed by its id."""
    producer = AIOKafkaProducer(bootstrap_servers=list(settings.kafka.brokers))
    await producer.start()

    async def verdicts(*numbers, **fields):
        topic = f"{settings.topics.prefix}verdicts"
        made = [replace(VERDICT, id=f"m{number}", **fields) for number in numbers]
        sent = [
            await producer.send(
                topic,
                encode(it),
                key=it.id.encode(),
                partition=number % settings.topics.partitions,
                headers=[("ce_id", f"{it.id}.judged".encode())],
            )
            for number, it in zip(numbers, made, strict=True)
        ]
        return await asyncio.gather(*sent)

    yield verdicts
    await producer.stop()
