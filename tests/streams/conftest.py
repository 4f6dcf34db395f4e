import asyncio
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from apps.local import redis_server
from apps.local.redis_server import RedisServer
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from streams.metrics import Metrics
from streams.pipeline import Pipeline, Places
from streams.settings import load
from streams.stores.memory import MemoryStore
from streams.stores.redis_store import RedisStore
from streams.wire import read_arrival

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory):
    """A Redis of its own: the contract flushes nothing and needs no Kafka."""
    if redis_server.find() is None and not os.environ.get("CI"):
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("redis"), port=None, durable=False)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def own_redis(redis_server_url):
    """Settings of a store in Redis whose keys are this test's own."""
    return {
        "WEIR_REDIS__URL": redis_server_url,
        "WEIR_REDIS__KEY_PREFIX": f"{uuid.uuid4()}:",
        "WEIR_REDIS__TIMEOUT_SECONDS": "5",
    }


@pytest.fixture
def store_settings():
    """What a module wants either store to have otherwise."""
    return {}


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
async def either_store(request, store_settings):
    """The store in memory, and then the one in Redis, for what both promise."""
    if request.param == "memory":
        state = load(None, store_settings).state
        yield MemoryStore(shards=state.shards, budgets=state.of_kinds())
        return
    store = RedisStore(load(None, request.getfixturevalue("own_redis") | store_settings))
    yield store
    await store.close()


@pytest.fixture(scope="session")
def judge():
    """The real core, without a classifier."""
    context = Context(hash_key=b"k" * 32)
    return Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))


@pytest.fixture
def arrive():
    """Make arrivals of the mail log: raw bytes at an offset, with headers."""

    def make(raw=b"From: a@b.example\nSubject: hi\n\nhello\n", offset=0, headers=(), key=b"k"):
        return read_arrival(
            epoch="e",
            partition=0,
            offset=offset,
            timestamp_ms=int(NOW.timestamp() * 1000),
            key=key,
            value=raw,
            headers=list(headers),
        )

    return make


class Broker:
    """Takes records, or refuses those that a test says."""

    def __init__(self):
        self.records = []
        self.refuse = lambda _: None

    async def __call__(self, records):
        await asyncio.sleep(0)
        refusals = [self.refuse(record) for record in records]
        self.records += [r for r, no in zip(records, refusals, strict=True) if no is None]
        return refusals

    def of(self, topic):
        return [record for record in self.records if record.topic == topic]


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def build(judge, store, broker, metrics):
    """Build a pipeline over the real core, a store in memory and a broker that keeps records."""
    executor = ThreadPoolExecutor(1)

    def make(judging=None, store=store, recorded=lambda _: None, sandbox=None):
        return Pipeline(
            lambda: judging or judge,
            store,
            broker,
            Places("messages", "verdicts", "replies", "deadletter", lambda: 2),
            metrics,
            executor=executor,
            worker="test",
            recorded=recorded,
            sandbox=sandbox,
        )

    yield make
    executor.shutdown()
