"""The served description, and whether the API does what it says (schemathesis)."""

import json
from contextlib import closing

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from apps.hook.api.openapi import document


@schemathesis.serializer("message/rfc822")
def as_message(_, value):
    """Send a message as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


SCHEMA = schemathesis.openapi.from_dict(json.loads(document()))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


def test_it_names_every_path_of_our_own_api():
    assert set(json.loads(document())["paths"]) == {
        "/v1/check",
        "/v1/labels",
        "/v1/messages/{id}",
    }
    assert json.loads(document())["openapi"].startswith("3.1")


async def test_it_is_served(serve):
    face = await serve()
    answer, body = await face.ask("GET", "/openapi.json")
    assert (answer.status, body) == (200, document())


@SCHEMA.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
def test_it_holds(case, served):
    url, session = served
    response = case.call(base_url=url, session=session)
    case.validate_response(response, checks=CHECKS)


@SCHEMA.include(path="/v1/check").parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_what_isnt_as_described_is_refused(case, served):
    url, session = served
    if case.media_type == "application/json":
        response = case.call(base_url=url, session=session)
        case.validate_response(response, checks=[negative_data_rejection])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve an embedded installation from a thread: schemathesis asks without a loop."""
    import asyncio
    import threading
    from pathlib import Path

    from apps.hook.addresses import parse_address
    from apps.hook.api.server import HttpServer
    from apps.hook.embedded.decider import Embedded
    from apps.hook.front import Front
    from streams.settings import load, read_keys, write_keys

    folder = tmp_path_factory.mktemp("api")
    keys = Path(folder / "keys.toml")
    write_keys(keys)
    environment = {
        "WEIR_PRIVACY__KEYS_FILE": str(keys),
        "WEIR_EMBEDDED__FOLDER": str(folder / "weir"),
    }
    known = load(None, environment)
    up, down = threading.Event(), asyncio.Event()
    found = {}

    async def serve():
        async with Embedded(known) as decider:
            registry = decider.metrics.registry
            front = Front(known, read_keys(keys), decider, lambda: decider.policies, registry)
            server = HttpServer(known, front.check, decider.metrics, lambda: decider.ready)
            await server.start(parse_address("inet:127.0.0.1:0", "api.listen"))
            found.update(port=server.port, loop=asyncio.get_running_loop())
            up.set()
            await down.wait()
            await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(60)
        with closing(requests.Session()) as session:
            yield f"http://127.0.0.1:{found['port']}", session
    finally:
        if found:
            found["loop"].call_soon_threadsafe(down.set)
        thread.join(60)
