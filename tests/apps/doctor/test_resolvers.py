"""Resolvers and blocklists as the doctor finds them, on a real DNS server."""

import pytest

from apps.doctor.resolvers import look_at_resolvers
from streams.settings import load
from tests.apps.hook.verifying.dns_server import DnsServer


@pytest.fixture
async def zone():
    server = DnsServer()
    await server.start()
    yield server
    await server.stop()


def _settings(zone, **more):
    environment = {
        "WEIR_HOOK__VERIFY": "true",
        "WEIR_DNS__SERVERS": f"127.0.0.1:{zone.port}",
        "WEIR_IDENTITY__AUTHSERV_IDS": "mx.two.example",
    }
    return load(None, environment | more)


async def test_a_resolver_that_answers_is_fine_and_a_silent_one_a_fault(zone):
    zone.records["example.com", "A"] = ["192.0.2.1"]
    (found,) = await look_at_resolvers(_settings(zone))
    assert found.level == "fine"
    zone.faults["example.com"] = "servfail"
    settings = _settings(zone, WEIR_DNS__BLOCKLISTS="bl.test")
    (found,) = await look_at_resolvers(settings)  # of lists nothing can be known then
    assert found.level == "fault"
    assert f"127.0.0.1:{zone.port}" in found.said
    assert "dns.servers" in found.todo


@pytest.mark.parametrize(
    ("records", "level", "said"),
    [
        (["127.0.0.2"], "fine", "bl.test answers"),
        (["127.255.255.254"], "warning", "bl.test says 127.255.255.254"),
        ([], "warning", "bl.test doesn't list 127.0.0.2, as every list does"),
    ],
)
async def test_a_blocklist_that_refuses_us_is_told(zone, records, level, said):
    if records:
        zone.records["2.0.0.127.bl.test", "A"] = records
    settings = _settings(zone, WEIR_DNS__BLOCKLISTS="bl.test")
    *_, found = await look_at_resolvers(settings)
    assert (found.level, found.said) == (level, said)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"WEIR_IDENTITY__AUTHSERV_IDS": ""}, "identity.authserv_ids"),
        ({"WEIR_IDENTITY__UPSTREAM_VERIFIES": "true"}, "identity.upstream_verifies"),
    ],
)
async def test_settings_that_contradict_each_other_are_told(zone, more, named):
    first, *_ = await look_at_resolvers(_settings(zone, **more))
    assert first.level == "warning"
    assert named in first.said


async def test_without_verifying_nobody_is_asked(zone):
    assert await look_at_resolvers(_settings(zone, WEIR_HOOK__VERIFY="false")) == []
    assert not zone.asked
