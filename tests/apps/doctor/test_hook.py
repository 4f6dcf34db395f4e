"""What the doctor says of a running hook, and that asking leaves no trace in it."""

import asyncio
import contextlib
import os

import pytest

from apps.doctor.hook import look_at_hook
from apps.doctor.openers import only_owner
from apps.hook.process import Hook
from streams.hook_sections import ApiSection, EmbeddedSection, MilterSection, PolicydSection
from streams.keys import write_keys
from streams.sections import KafkaSection, PrivacySection, RedisSection
from streams.settings import Settings, housed

TOKEN = "a-token-of-24-characters"


@pytest.fixture
def installed(tmp_path):
    """Return settings whose faces are sockets of this test; its brokers are away."""
    write_keys(tmp_path / "keys.toml")

    def make(**sections):
        given = {
            "privacy": PrivacySection(keys_file=str(tmp_path / "keys.toml")),
            "kafka": KafkaSection(brokers=("127.0.0.1:1",)),
            "redis": RedisSection(port=1),
            "milter": MilterSection(listen=(f"unix:{tmp_path}/milter.sock mode=666",)),
            "api": ApiSection(listen=(f"unix:{tmp_path}/api.sock mode=666",)),
            "policyd": PolicydSection(listen=(f"unix:{tmp_path}/policy.sock mode=666",)),
        }
        return housed(Settings(**given | sections))

    return make


@contextlib.asynccontextmanager
async def running(settings):
    """Run a hook, and hand it over when it could judge by itself."""
    hook = Hook(settings)
    work = asyncio.create_task(hook.run())
    try:
        async with asyncio.timeout(30):
            while not hook.ready()["models"]:  # noqa: ASYNC110 - readiness has no event
                await asyncio.sleep(0.02)
            yield hook
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def levels(findings):
    return [finding.level for finding in findings]


async def test_every_face_answers_and_nothing_is_judged_counted_or_kept(installed, tmp_path):
    settings = installed(embedded=EmbeddedSection(folder=str(tmp_path / "data")))
    async with running(settings) as hook:
        while not all(hook.ready().values()):  # noqa: ASYNC110 - readiness has no event
            await asyncio.sleep(0.02)
        before = figures(hook)
        found = await look_at_hook(settings)
        after = figures(hook)
    assert levels(found) == ["fine"] * 4, found
    said = " ".join(finding.said for finding in found)
    assert all(face in said for face in ("milter", "/v1/check", "/checkv2", "policy service"))
    assert after == before


def figures(hook):
    """Return what counts mail; requests of the policy service are counted as requests."""
    lines = hook._decider.metrics.exposition().decode().splitlines()
    counted = ("weir_hook_", "weir_messages", "weir_verdicts", "weir_score", "weir_state")
    return [line for line in lines if line.startswith(counted)]


async def test_where_no_hook_runs_one_line_says_so(installed):
    (finding,) = await look_at_hook(installed())
    assert finding.level == "warning"
    assert finding.said.startswith("none runs: nobody listens at unix:")


async def test_a_face_that_is_missing_is_a_fault(installed, tmp_path):
    settings = installed()
    more = MilterSection(listen=(*settings.milter.listen, f"unix:{tmp_path}/later.sock"))
    async with running(settings):
        found = await look_at_hook(installed(milter=more))
    assert levels(found) == ["warning", "fault", "warning", "warning", "fine"]
    assert "later.sock: nobody listens" in found[1].said


async def test_a_hook_without_its_brokers_says_what_is_missing(installed):
    settings = installed(policyd=PolicydSection())
    async with running(settings):
        found = await look_at_hook(settings)
    assert levels(found) == ["warning"] * 3
    assert {finding.said.partition(": ")[2] for finding in found} == {"answers, without replies"}
    assert "Kafka isn't reached" in found[0].todo


async def test_other_keys_and_other_tokens_are_faults(installed, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"mx {TOKEN} check\n")
    tokens.chmod(0o600)
    write_keys(tmp_path / "others.toml")
    given = {"policyd": PolicydSection(), "milter": MilterSection()}
    api = f"unix:{tmp_path}/api.sock mode=666"
    theirs = PrivacySection(keys_file=str(tmp_path / "others.toml"))
    async with running(installed(**given)):
        keys = await look_at_hook(installed(**given, privacy=theirs))
        token = await look_at_hook(
            installed(**given, api=ApiSection(listen=(api,), tokens_file=str(tokens)))
        )
    assert levels(keys) == levels(token) == ["fault"] * 2
    assert "has other keys" in keys[0].said
    assert "answers 401" in token[0].said
    assert TOKEN not in str(token)


async def test_a_token_is_taken_that_may_check(installed, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"desk {TOKEN}-desk read\nmx {TOKEN} check\n")
    tokens.chmod(0o600)
    api = ApiSection(listen=(f"unix:{tmp_path}/api.sock mode=666",), tokens_file=str(tokens))
    settings = installed(api=api, milter=MilterSection(), policyd=PolicydSection())
    async with running(settings):
        assert levels(await look_at_hook(settings)) == ["warning"] * 2
    tokens.write_text(f"desk {TOKEN}-desk read\n")
    (finding,) = await look_at_hook(settings)
    assert "no token in it has the right to check" in finding.said


async def test_somebody_else_behind_an_address_is_told(installed, tmp_path):
    async def greet(reader, writer):
        await reader.read(65_536)
        writer.write(b"220 mail.one.example ESMTP\r\n")
        writer.close()

    paths = [f"{tmp_path}/{name}.sock" for name in ("milter", "api", "policy")]
    servers = [await asyncio.start_unix_server(greet, path) for path in paths]
    found = await look_at_hook(installed())
    for server in servers:
        server.close()
    assert levels(found) == ["fault"] * 4
    assert "doesn't speak HTTP" in found[1].said
    assert "no policy service" in found[3].said


def test_a_socket_that_no_mta_could_open_is_seen(tmp_path):
    place = tmp_path / "place"
    place.touch()
    os.chown(place, os.getuid(), os.getgid())
    place.chmod(0o600)
    assert only_owner(place).startswith("mode 0600, ")
    place.chmod(0o666)
    assert only_owner(place) == ""
    assert only_owner(tmp_path / "none") == ""
