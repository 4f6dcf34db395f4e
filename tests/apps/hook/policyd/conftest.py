"""Both homes of the counters, for what both promise."""

import os
import uuid

import pytest

from apps.hook.policyd.memory_counters import MemoryCounters
from apps.hook.policyd.redis_counters import RedisCounters
from apps.local import redis_server
from apps.local.redis_server import RedisServer
from streams.settings import load


@pytest.fixture(scope="session")
def counting_redis(tmp_path_factory):
    """A Redis of its own, which a test may freeze."""
    if redis_server.find() is None and not os.environ.get("CI"):
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("counting"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_counters(counting_redis):
    """Make counters in Redis, with keys of their own, by how long they wait."""

    def make(seconds=10.0):
        return RedisCounters(
            load(
                None,
                {
                    "WEIR_REDIS__URL": counting_redis.url,
                    "WEIR_REDIS__KEY_PREFIX": f"{uuid.uuid4()}:",
                    "WEIR_REDIS__TIMEOUT_SECONDS": "5",
                    "WEIR_POLICYD__TIMEOUT_SECONDS": str(seconds),
                },
            )
        )

    return make


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
async def counters(request):
    """The counters in memory, and then those in Redis."""
    made = (
        MemoryCounters()
        if request.param == "memory"
        else request.getfixturevalue("redis_counters")()
    )
    yield made
    await made.close()
