"""`weir hook` as its supervisor runs it, over a real Kafka with a real worker behind it."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.hook.addresses import parse_address
from apps.hook.probing.milter import tell_milter
from streams.keys import read_keys, write_keys
from streams.tokens import read_token

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
MAIL = "From: A <a@one.example>\r\nTo: b@two.example\r\nSubject: {}\r\n\r\nAt noon?\r\n"
POLICY = """
appeal = "https://two.example/why"
[[rules]]
name = "asked-for"
when = "subject.contains('phish')"
action = "reject"
reason = "the subject asks for it"
"""
DEADLINE = 3.0


class Running:
    """Processes of one installation, and the way to ask its hook."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment
        self.address = parse_address(f"unix:{folder}/milter.sock", "test")
        self.processes = []

    @property
    def listens(self):
        return Path(self.address.path).exists()

    def start(self, command):
        with (self.folder / f"{command}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", "from apps.cli.main import main; main()", command],
                    env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                )
            )
        return self.processes[-1]

    async def ask(self, subject):
        raw = MAIL.format(subject).encode()
        return await tell_milter(self.address, "a@one.example", ("b@two.example",), raw, 20)

    async def ask_until(self, status, seconds=60):
        """Ask until a worker's verdict comes (`judged`), or one of the hook's (`degraded`)."""
        async with asyncio.timeout(seconds):
            while True:
                if self.listens:
                    heard = await self.ask(secrets.token_hex(4))
                    if dict(heard.added).get("X-Weir-Status", "").startswith(status):
                        return heard
                await asyncio.sleep(0.2)


@pytest.fixture
def running(brokers, redis_url, tmp_path):
    own = secrets.token_hex(4)
    write_keys(tmp_path / "keys.toml")
    (tmp_path / "policy.toml").write_text(POLICY)
    environment = {
        "WEIR_KAFKA__BROKERS": brokers,
        "WEIR_KAFKA__GROUP": own,
        "WEIR_TOPICS__PREFIX": f"{own}.",
        "WEIR_REDIS__URL": redis_url,
        "WEIR_REDIS__KEY_PREFIX": f"{own}:",
        "WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml"),
        "WEIR_POLICY__FILE": str(tmp_path / "policy.toml"),
        "WEIR_HTTP__BIND": "",
        "WEIR_API__LISTEN": "",
        "WEIR_MILTER__LISTEN": f"unix:{tmp_path}/milter.sock",
        "WEIR_HOOK__DEADLINE_SECONDS": str(DEADLINE),
    }
    made = CliRunner().invoke(weir, ["topics", "create"], env=environment)
    assert made.exit_code == 0, made.output
    started = Running(tmp_path, environment)
    yield started
    for process in started.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


async def test_workers_judge_while_the_client_waits_and_nobody_is_left_waiting_at_the_end(running):
    worker, hook = running.start("worker"), running.start("hook")
    ham = await running.ask_until("judged")
    assert ham.final == "accept"
    key = read_keys(running.folder / "keys.toml").token_key
    token = read_token(key, dict(ham.added)["X-Weir-Id"])
    assert token.position is not None
    assert dict(ham.added)["X-Spam-Flag"] in {"YES", "NO"}

    phish = await running.ask("phish")
    assert phish.final.startswith("550 5.7.1 This message was refused as suspected abuse (id ")
    assert phish.final.endswith("; to object: https://two.example/why")

    subjects = [f"{kind} {number}" for number in range(15) for kind in ("phish", "ham")]
    heard = await asyncio.gather(*(running.ask(subject) for subject in subjects))
    assert [one.final.startswith("550") for one in heard] == [True, False] * 15

    worker.send_signal(signal.SIGSTOP)
    waiting = asyncio.create_task(running.ask("the last one"))
    await asyncio.sleep(0.3)  # it is in flight, and nobody will answer it
    assert not waiting.done()
    hook.send_signal(signal.SIGTERM)
    last = await waiting
    assert last.final == "accept"
    assert dict(last.added)["X-Weir-Status"].startswith("degraded; missing=")
    assert await asyncio.to_thread(hook.wait, 20) == 0
    assert not running.listens
    log = (running.folder / "hook.log").read_text()
    assert '"event": "hook_stopped"' in log
    assert "Traceback" not in log
