"""An embedded installation, and `weir` beside it as people run it."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.hook.embedded.decider import Embedded
from features.envelope import Client, Envelope
from streams.settings import load, write_keys
from streams.wire import new_id

CONFIG = """
[embedded]
folder = "weir"
[policy]
file = "policy.toml"
archive = "policies"
[learner]
publish_seconds = 0.2
wait_seconds = 1
"""


def offer(number):
    return (
        f"From: Garden {number} <s{number}@garden{number}.example>\r\nTo: you@example.com\r\n"
        f"Subject: Bulbs for the autumn\r\nMessage-ID: <{number}@garden{number}.example>\r\n\r\n"
        "The bulbs that you asked about have come in, among them the late tulips and the small\r\n"
        "daffodils for the bank behind the house. They should be in the ground before frost,\r\n"
        "and we keep them for you until then. The list is at https://bulbs.example/autumn too.\r\n"
    ).encode()


async def until(holds, seconds=30):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Process:
    """What a process of an embedded installation is made of, less its faces."""

    def __init__(self, settings):
        self._embedded = Embedded(settings)
        self._judged = 0

    @property
    def learning(self):
        return self._embedded._learning

    async def start(self):
        await self._embedded.__aenter__()
        await until(lambda: all(self._embedded.ready.values()) and self.learning.is_ready)
        return self

    async def stop(self, *, saved=True):
        """Stop in order; not `saved`: what is in memory alone is gone, as with a kill."""
        self._embedded._mail.is_whole = saved
        await self._embedded.__aexit__(None, None, None)

    def figures(self):
        return self._embedded.metrics.exposition().decode().splitlines()

    async def judge(self, raw, **fields):
        """Return the verdict on a message, from a network of its own."""
        self._judged += 1
        client = Client(ip=f"198.{self._judged}.2.7")
        fields = {"rcpt_to": ("you@example.com",), "client": client, **fields}
        envelope = Envelope(id=new_id(), received_at=datetime.now(UTC), **fields)
        return await self._embedded(envelope, raw, asyncio.get_running_loop().time() + 20)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "weir.toml").write_text(CONFIG)
    (tmp_path / "policy.toml").write_text("shadow = false\n")
    settings = load(
        tmp_path / "weir.toml", {"WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml")}
    )
    write_keys(tmp_path / "keys.toml")
    return settings


@pytest.fixture
def weir_command(tmp_path, settings):
    """Run `weir` as another process would, and return the lines of its --json."""
    environment = {
        "WEIR_CONFIG": str(tmp_path / "weir.toml"),
        "WEIR_PRIVACY__KEYS_FILE": settings.privacy.keys_file,
    }

    async def run(*arguments, code=0, json_lines=True):
        given = [*arguments, "--json"] if json_lines else arguments
        result = await asyncio.to_thread(CliRunner().invoke, weir, given, env=environment)
        assert result.exit_code == code, result.output
        # The process's own log goes to the same place here, as it is this process's.
        return [json.loads(line) for line in result.stdout.splitlines() if line[0] == "{"]

    return run
