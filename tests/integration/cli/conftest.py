"""An installation of each test's own on the session's Kafka and Redis, and `weir` run on it."""

import asyncio
import secrets

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.publishing import open_publisher
from streams.settings import load, write_keys


@pytest.fixture
def environment(brokers, redis_url, tmp_path, monkeypatch):
    """Topics and keys of this test's own, so that it sees nobody else's."""
    own = secrets.token_hex(4)
    monkeypatch.chdir(tmp_path)
    write_keys(tmp_path / "keys.toml")
    return {
        "WEIR_KAFKA__BROKERS": brokers,
        "WEIR_KAFKA__GROUP": own,
        "WEIR_TOPICS__PREFIX": f"{own}.",
        "WEIR_REDIS__URL": redis_url,
        "WEIR_REDIS__KEY_PREFIX": f"{own}:",
        "WEIR_API__LISTEN": f"unix:{tmp_path}/api.sock",  # another test's hook isn't ours
    }


@pytest.fixture
def settings(environment):
    return load(None, environment)


@pytest.fixture
def run(environment):
    """Run a command as a person types it."""

    def invoke(*arguments, **keywords):
        return CliRunner().invoke(weir, [str(a) for a in arguments], env=environment, **keywords)

    return invoke


@pytest.fixture
def topics(run):
    result = run("topics", "create")
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def publish(settings):
    def send(*records):
        async def act():
            async with open_publisher(settings) as publisher:
                for record in records:
                    await publisher.send(record)

        asyncio.run(act())

    return send
