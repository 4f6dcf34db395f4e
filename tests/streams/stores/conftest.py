import os

import pytest

from apps.local import redis_server
from apps.local.redis_server import RedisServer


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
