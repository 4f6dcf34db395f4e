"""The real process, killed: what it was told is still known when it starts again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.apps.hook.embedded.conftest import offer

ROOT = Path(__file__).parents[4]


class Hook:
    """`weir hook --embedded`, a process of its own."""

    def __init__(self, folder):
        self._folder = folder
        self._log = folder / "hook.log"
        self._process = None

    def start(self):
        command = [sys.executable, "-c", "from apps.cli.main import main; main()"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "hook", "--embedded"],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self):
        self._process.terminate()
        assert self._process.wait(20) == 0, self._log.read_text()


@pytest.fixture
def hook(tmp_path, settings):
    with (tmp_path / "weir.toml").open("a") as config:
        config.write(f'[api]\nlisten = ["unix:{tmp_path}/api"]\n')
        config.write(f'[privacy]\nkeys_file = "{settings.privacy.keys_file}"\n')
    hook = Hook(tmp_path)
    yield hook
    hook.kill()


@pytest.fixture
def send(tmp_path, weir_command):
    """Send an offer, and return what it was judged."""

    async def judged(number):
        path = tmp_path / f"{number}.eml"
        path.write_bytes(offer(number))
        (sent,) = await weir_command("send", str(path), "--client", f"198.{number}.2.7")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for verdict in await weir_command("verdicts"):
                if verdict["id"] == sent["id"]:
                    return verdict
        raise AssertionError((tmp_path / "hook.log").read_text())

    return judged


async def test_labels_outlive_a_kill_of_the_process(hook, send, weir_command):
    await weir_command("topics", "create", json_lines=False)
    hook.start()
    verdicts = [await send(number) for number in range(1, 4)]
    labels = []
    for number, verdict in enumerate(verdicts):
        who = ("--source", "report", "--reporter", f"r{number}@example.com")
        said, _ = await weir_command("label", verdict["id"], "spam", *who, "--wait", "20")
        labels.append(said["label"])
    hook.kill()
    told = await weir_command("label", "--status", *labels)
    assert all(each["stands"] for each in told), "it is told while the hook is away"
    hook.start()
    assert (await send(10))["action"] != "accept"
    hook.stop()
