"""A gateway whose Kafka and Redis are nowhere; with them: tests/integration/streams."""

import asyncio
import itertools
import time
from datetime import UTC, datetime

import pytest

from apps.hook.gateway import Gateway
from features.envelope import Envelope
from streams.settings import KeysError, load, write_keys

HAM = (
    b"From: A <a@example.org>\r\nTo: b@example.com\r\nSubject: Notes\r\n\r\n"
    b"Here are the notes: https://example.org/notes\r\n"
)

POLICY = """
shadow = false
[[rules]]
name = "notes"
when = "subject == 'Notes'"
action = "reject"
reason = "no notes"
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Settings that lead to ports on which nobody listens."""
    monkeypatch.setattr("apps.hook.fallback.BUDGET", 20.0)
    write_keys(tmp_path / "keys.toml")
    (tmp_path / "policy.toml").write_text(POLICY)
    return {
        "WEIR_KAFKA__BROKERS": "127.0.0.1:9",
        "WEIR_REDIS__PORT": "9",
        "WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml"),
        "WEIR_POLICY__FILE": str(tmp_path / "policy.toml"),
        "WEIR_POLICY__RELOAD_SECONDS": "0.02",
        "WEIR_HOOK__TEMPFAIL_PERCENT": "10",
    }


@pytest.fixture
def gateway(environment):
    return Gateway(load(None, environment))


async def ask(gateway, raw=HAM, ident="1", **fields):
    given = {"mail_from": "a@example.org", "rcpt_to": ("b@example.com",)}
    envelope = Envelope(id=ident, received_at=datetime.now(UTC), **given | fields)
    return await gateway(envelope, raw, asyncio.get_running_loop().time() + 30)


async def test_with_kafka_redis_and_every_worker_dead_mail_is_answered_and_marked(gateway):
    async with gateway:
        verdict = await ask(gateway)
        assert (verdict.kind, verdict.degraded, verdict.log) == ("fallback", ("sender",), None)
        assert not gateway.ready["replies"]
    lines = gateway.metrics.exposition().decode().splitlines()
    assert 'weir_hook_fallbacks_total{reason="disconnected"} 1.0' in lines
    assert "weir_hook_spooled 1.0" in lines, "it is published when the brokers come"


async def test_what_would_be_rejected_is_deferred_until_the_budget_is_spent(gateway):
    async with gateway:
        verdicts = [await ask(gateway, ident=str(number)) for number in range(15)]
        held = await ask(gateway, ident="out", direction="outbound")
    actions = [verdict.action for verdict in verdicts]
    assert actions == ["defer"] * 10 + ["add_header"] * 5
    assert held.action == "quarantine", "our own users' mail is never deferred for our faults"


async def test_the_budget_of_deferrals_grows_with_the_mail(environment):
    generous = environment | {"WEIR_HOOK__TEMPFAIL_PERCENT": "100"}
    async with Gateway(load(None, generous)) as gateway:
        verdicts = [await ask(gateway, ident=str(number)) for number in range(15)]
    assert {verdict.action for verdict in verdicts} == {"defer"}


class Silent:
    """A line to workers that take every message and answer none."""

    partition = 0
    is_open = True

    def __init__(self, _settings, _arrived):
        self.taken = asyncio.Queue()

    is_reached = False

    async def reached(self):
        await asyncio.Event().wait()

    async def send(self, record):
        self.taken.put_nowait(record)
        return asyncio.get_running_loop().create_future()

    async def run(self):
        await asyncio.Event().wait()


async def test_workers_are_told_to_leave_the_fallback_its_time(environment, monkeypatch):
    monkeypatch.setattr("apps.hook.gateway.BUDGET", 30.0)  # all that `ask` gives
    silent = Silent(None, None)
    begun = time.time()
    async with Gateway(load(None, environment), line=lambda *_: silent) as gateway:
        assert (await ask(gateway)).kind == "fallback"
    headers = dict(silent.taken.get_nowait().headers)
    assert int(headers["weir-deadline"]) / 1000 < begun + 20


async def test_the_policy_in_force_follows_its_file(gateway, tmp_path):
    async with gateway:
        before = gateway.policies.digest
        (tmp_path / "policy.toml").write_text(POLICY.replace("reject", "accept"))
        async with asyncio.timeout(20):
            for _ in itertools.takewhile(
                lambda _: gateway.policies.digest == before, itertools.count()
            ):
                await asyncio.sleep(0.01)
        verdict = await ask(gateway)
    assert (verdict.action, verdict.policy) == ("accept", gateway.policies.digest)


def test_keys_that_are_missing_are_one_line_before_anything_listens(environment, tmp_path):
    (tmp_path / "keys.toml").unlink()
    with pytest.raises(KeysError):
        Gateway(load(None, environment))
