"""A real Postfix before a real hook that needs neither Kafka nor Redis, once for all tests."""

import os
import smtplib
import socket
import sys
import time
from pathlib import Path

import pytest

from apps.local import postfix
from apps.local.postfix import Entrance, Postfix
from apps.local.processes import GuardedProcess
from streams.settings import write_keys

ROOT = Path(__file__).parents[3]
CONFIG = """
[embedded]
folder = "embedded"
[policy]
file = "policy.toml"
[milter]
listen = [
  "unix:{folder}/in.sock mode=666 direction=inbound",
  "unix:{folder}/out.sock mode=666",
]
[api]
listen = ["unix:{folder}/api.sock"]
[policyd]
listen = ["unix:{folder}/policy.sock mode=666"]
"""
# What is done with a message is in its subject, so that tests say what they want of it.
POLICY = """
refusal = "Refused as suspected abuse"
appeal = "https://mx.example.org/appeal"
[[limits]]
name = "messages"
counts = "messages"
over = 3
minutes = 60
reason = "No more than 3 messages in an hour"
[[limits]]
name = "recipients"
counts = "recipients"
over = 6
minutes = 60
action = "hold"
reason = "More than 6 recipients in an hour"
""" + "".join(
    f"[[rules]]\nname = '{action}'\nwhen = \"subject.contains('want:{action}')\"\n"
    f"action = '{action}'\nreason = 'the subject asks for it'\n"
    for action in ("accept", "rewrite_subject", "quarantine", "defer", "reject")
)
USERS = dict.fromkeys(("ann", "bob", "carl", "dora"), "secret")


@pytest.fixture(scope="session")
def mx(tmp_path_factory):
    """Postfix with the ports `smtp` and `submission`, both judged by a hook of one process."""
    if why := postfix.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    directory = tmp_path_factory.mktemp("hook")
    folder = postfix.new_folder()
    (directory / "weir.toml").write_text(CONFIG.format(folder=folder))
    (directory / "policy.toml").write_text(POLICY)
    write_keys(directory / "keys.toml")
    policy = f"unix:{folder}/policy.sock"
    entrances = (
        Entrance("smtp", (f"unix:{folder}/in.sock",), policy),
        Entrance("submission", (f"unix:{folder}/out.sock",), policy, submission=True),
    )
    command = [sys.executable, "-m", "apps.hook.process"]
    hook = GuardedProcess(
        "the hook",
        [*command, "--config", str(directory / "weir.toml")],
        directory / "hook.log",
        environment={"PYTHONPATH": str(ROOT)},
    )
    with hook, Postfix(entrances, folder=folder, users=USERS) as running:
        _wait(hook, folder / "api.sock")
        yield running


def _wait(hook, api):
    """Wait until it judges with all that it has: before that, the fallback would answer."""
    deadline = time.monotonic() + 60
    while b" 200 " not in _readiness(api):
        assert hook.running, hook.tail()
        assert time.monotonic() < deadline, hook.tail()
        time.sleep(0.05)


def _readiness(api):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(api))
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: hook\r\nConnection: close\r\n\r\n")
            return client.makefile("rb").readline()
        except OSError:
            return b""


@pytest.fixture
def session(mx):
    """Return an SMTP session with a port of Postfix, as a user if one is named."""
    opened = []

    def open_session(port="smtp", user=""):
        client = smtplib.SMTP("127.0.0.1", mx.port(port), timeout=30)
        opened.append(client)
        client.ehlo()
        if user:
            client.login(user, USERS[user])
        return client

    yield open_session
    for client in opened:
        client.close()
