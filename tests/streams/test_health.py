import json
import socket

import aiohttp
import pytest

from streams.health import HealthServer
from streams.metrics import Metrics
from streams.settings import SettingsError


@pytest.fixture
def conditions():
    return {"partitions": False, "models": True}


@pytest.fixture
async def server(conditions):
    server = HealthServer("127.0.0.1:0", Metrics(), lambda: conditions)
    await server.start()
    yield server
    await server.stop()


async def get(server, path):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_readiness_names_what_is_missing_and_turns_with_it(server, conditions):
    status, text = await get(server, "/readyz")
    assert status == 503
    assert json.loads(text) == {"ready": False, "partitions": False, "models": True}
    conditions["partitions"] = True
    assert (await get(server, "/readyz"))[0] == 200


async def test_liveness_does_not_wait_for_readiness(server):
    assert (await get(server, "/livez"))[0] == 200


async def test_metrics_are_in_prometheus_format_with_buckets_below_a_millisecond(server):
    status, text = await get(server, "/metrics")
    assert status == 200
    assert "# TYPE weir_messages_total counter" in text
    assert 'weir_latency_seconds_bucket{le="0.0001"}' in text


async def test_an_address_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=r"http\.bind") as caught:
            await HealthServer(bind, Metrics(), dict).start()
    assert "\n" not in str(caught.value)
