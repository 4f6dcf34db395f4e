"""A hook that can't start says why, in one line; without Kafka and Redis it starts all the same."""

import asyncio
import socket

import pytest

from apps.hook.addresses import parse_address
from apps.hook.probing.milter import tell_milter
from apps.hook.process import Hook
from streams.hook_sections import ApiSection, HookSection, MilterSection
from streams.keys import write_keys
from streams.sections import KafkaSection, PolicySection, PrivacySection, RedisSection
from streams.settings import Settings, SettingsError

HAM = b"From: A <a@one.example>\r\nTo: b@two.example\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"


@pytest.fixture
def alone(tmp_path):
    """Return settings of a host where nothing else runs."""
    write_keys(tmp_path / "keys.toml")
    policy = tmp_path / "policy.toml"
    policy.write_text("[[deny]]\ndomain = 'one.example'\nreason = 'denied'\n")

    def make(**sections):
        given = {
            "privacy": PrivacySection(keys_file=str(tmp_path / "keys.toml")),
            "policy": PolicySection(file=str(policy)),
            "kafka": KafkaSection(brokers=("127.0.0.1:1",)),
            "redis": RedisSection(port=1),
            "api": ApiSection(listen=()),
        }
        return Settings(**given | sections)

    return make


def test_a_hook_that_nobody_could_reach_is_refused(alone):
    with pytest.raises(SettingsError, match=r"milter\.listen, api\.listen and policyd\.listen are"):
        Hook(alone())


@pytest.mark.parametrize(
    "section",
    [
        {"hook": HookSection(tenants=("no tenant",))},
        {"hook": HookSection(own_networks=("nowhere",))},
        {"milter": MilterSection(listen=("tcp:here",))},
    ],
)
def test_a_setting_that_can_t_be_used_is_named(alone, section):
    given = {"milter": MilterSection(listen=("inet:127.0.0.1:0",))}
    with pytest.raises(SettingsError, match=r"^(hook|milter)\.[a-z_]+: ") as caught:
        Hook(alone(**given | section))
    assert "\n" not in str(caught.value)


async def test_a_port_in_use_is_said_in_one_line(alone):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"inet:127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=r"^milter\.listen: .*in use") as caught:
            await Hook(alone(milter=MilterSection(listen=(text,)))).run()
    assert "\n" not in str(caught.value)


async def test_a_socket_that_can_t_be_made_is_said_in_one_line_and_nothing_else_listens(
    alone, tmp_path
):
    good, bad = tmp_path / "good.sock", tmp_path / "missing" / "bad.sock"
    listen = MilterSection(listen=(f"unix:{good}", f"unix:{bad}"))
    with pytest.raises(SettingsError, match=r"^milter\.listen: .*No such file") as caught:
        await Hook(alone(milter=listen)).run()
    assert "\n" not in str(caught.value)
    assert not good.exists()


async def judged(address, raw):
    """Return what is said of a message once the fallback had the time to look at it."""
    while True:
        heard = await tell_milter(address, "", ("b@two.example",), raw, 10)
        if "judgement" not in dict(heard.added).get("X-Weir-Status", ""):
            return heard


async def test_with_kafka_and_redis_away_it_answers_by_itself(alone, tmp_path):
    place = tmp_path / "milter.sock"
    working = asyncio.create_task(
        Hook(alone(milter=MilterSection(listen=(f"unix:{place}",)))).run()
    )
    try:
        async with asyncio.timeout(20):
            while not place.exists():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
            address = parse_address(f"unix:{place}", "test")
            denied = await judged(address, HAM)
            heard = await judged(address, HAM.replace(b"one.example", b"x.example"))
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert denied.final.startswith("550 5.7.1")
    assert heard.final == "accept"
    said = dict(heard.added)
    assert said["X-Weir-Status"].startswith("degraded; missing=")
    assert said["X-Weir-Id"].split(".")[2:5] == ["-", "-", "-"]
    assert not place.exists()
