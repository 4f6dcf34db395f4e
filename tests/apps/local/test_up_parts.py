"""The parts of `weir up`: which stack, which settings, what is counted and what is said."""

import asyncio
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.local import install
from apps.local.choice import choose_stack
from apps.local.compose import ComposeStack
from apps.local.configuration import Configuration
from apps.local.demonstration import Sent, Tally, settled
from apps.local.errors import StackError
from apps.local.stack import LocalStack
from apps.local.telling import summarise
from apps.local.up import _keep_up
from detectors.record import decode
from streams.settings import read_keys


@pytest.fixture
def machine(monkeypatch):
    """A machine whose equipment a test describes: what is missing, apt-get, a container daemon."""

    def describe(*, missing=(), root=False, docker=False):
        monkeypatch.setattr(install, "missing", lambda: list(missing))
        monkeypatch.setattr(install, "can_install", lambda: root)
        monkeypatch.setattr(install, "docker_answers", lambda: docker)

    return describe


def test_processes_are_taken_where_all_is_there_even_beside_a_daemon(machine, tmp_path):
    machine(docker=True)
    assert isinstance(choose_stack("auto", tmp_path, print), LocalStack)


def test_containers_are_taken_where_something_is_missing_and_a_daemon_answers(machine, tmp_path):
    machine(missing=["redis-server"], docker=True)
    assert isinstance(choose_stack("auto", tmp_path, print), ComposeStack)


@pytest.mark.parametrize("docker", [True, False])
def test_local_by_hand_never_takes_containers(machine, tmp_path, docker):
    machine(missing=["redis-server"], docker=docker)
    with pytest.raises(StackError, match="missing: redis-server"):
        choose_stack("local", tmp_path, print)


def test_compose_by_hand_without_a_daemon_says_so(machine, tmp_path):
    machine()
    with pytest.raises(StackError, match="no Docker daemon with compose answers"):
        choose_stack("compose", tmp_path, print)


def test_without_anything_one_line_says_what_to_install(machine, tmp_path):
    machine(missing=["Java 17 or newer", "redis-server"])
    with pytest.raises(StackError, match=r"^missing: Java 17 or newer, redis-server\. [^\n]*$"):
        choose_stack("auto", tmp_path, print)


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A `docker` that writes down how it was called; its exit code is in a file."""
    calls, code = tmp_path / "calls", tmp_path / "code"
    code.write_text("0")
    program = tmp_path / "docker"
    program.write_text(
        f'#!/bin/sh\necho "$WEIR_STACK_KAFKA_PORT $*" >> {calls}\n'
        f'echo "no space left" >&2\nexit $(cat {code})\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return calls, code


def test_containers_are_started_on_our_ports_and_stopped(docker):
    calls, _ = docker
    with ComposeStack() as stack:
        port = stack.brokers.rpartition(":")[2]
        (up,) = calls.read_text().splitlines()
    assert up.startswith(f"{port} compose --file ")
    assert up.endswith("docker/compose.yaml up --detach --wait kafka redis")
    assert calls.read_text().splitlines()[1].endswith(" stop kafka redis")


def test_what_docker_says_is_in_the_error(docker):
    docker[1].write_text("1")
    with pytest.raises(StackError, match="docker compose up: no space left"):
        ComposeStack().start()


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path):
    Configuration(tmp_path, "127.0.0.1:1", "redis://127.0.0.1:2/0", 3, "inet:127.0.0.1:9")
    first = read_keys(tmp_path / "keys.toml")
    Configuration(tmp_path, "127.0.0.1:4", "redis://127.0.0.1:5/0", 6, "inet:127.0.0.1:9")
    assert read_keys(tmp_path / "keys.toml") == first
    assert stat.S_IMODE((tmp_path / "keys.toml").stat().st_mode) == 0o600


def test_settings_lead_to_this_stack_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_KAFKA__BROKERS", "production:9092")
    monkeypatch.setenv("WEIR_REDIS__URL", "redis://production/0")
    monkeypatch.setenv("WEIR_WORKER__BATCH_MESSAGES", "7")
    configuration = Configuration(
        tmp_path, "127.0.0.1:1", "redis://127.0.0.1:2/0", 3, "inet:127.0.0.1:9"
    )
    settings = configuration.settings()
    assert settings.kafka.brokers == ("127.0.0.1:1",)
    assert settings.redis.url == "redis://127.0.0.1:2/0"
    assert settings.http.bind == "127.0.0.1:3"
    assert settings.worker.batch_messages == 7
    assert settings.privacy.keys_file == str(tmp_path / "keys.toml")
    assert configuration.environment["WEIR_CONFIG"] == str(tmp_path / "weir.toml")


GOLDEN = Path(__file__).parents[2] / "detectors" / "golden" / "verdict.json"
VERDICT = decode(GOLDEN.read_bytes())


def _tally(*names: str) -> Tally:
    tally = Tally()
    for number, name in enumerate(names):
        tally.sent[name] = Sent(name, f"{name}@example.org", f"about {name}", float(number))
    return tally


def _add(tally: Tally, ident: str, at: float, **fields) -> Shown:
    return tally.add(replace(VERDICT, id=ident, **fields), at)


def test_a_verdict_is_shown_with_the_sender_and_subject_of_its_message():
    tally = _tally("a")
    shown = _add(tally, "a", 0.5)
    assert (shown.sender, shown.subject) == ("a@example.org", "about a")


def test_verdicts_of_a_scene_are_kept_once_each():
    tally = _tally("a", "b")
    tally.sent["a"] = Sent("a", "a@example.org", "about a", 0.0, "lookalike")
    for ident in ("a", "b", "a"):
        _add(tally, ident, 1.0)
    assert [(scene, [v.id for v in kept]) for scene, kept in tally.scenes.items()] == [
        ("lookalike", ["a"])
    ]


def test_each_published_message_with_one_verdict_is_success(capsys):
    tally = _tally("a", "b")
    _add(tally, "a", 0.010, degraded=())
    _add(tally, "b", 1.030, degraded=("store",))
    assert summarise(tally) == 0
    said = capsys.readouterr().out
    assert "2 messages published, 2 judged: 2 quarantine" in said
    assert "p50 30.0 ms, p99 30.0 ms; degraded: 1" in said


def test_a_message_without_a_verdict_is_named_and_is_failure(capsys):
    tally = _tally("a", "b")
    _add(tally, "a", 1.0)
    assert summarise(tally) == 1
    assert "no verdict: b\n" in capsys.readouterr().out


def test_a_message_with_two_verdicts_is_named_counted_once_and_is_failure(capsys):
    tally = _tally("a")
    _add(tally, "a", 1.0)
    _add(tally, "a", 2.0)
    assert tally.latencies == [1000.0]
    assert summarise(tally) == 1
    assert "more than one verdict: a\n" in capsys.readouterr().out


def test_verdicts_of_others_are_shown_and_not_counted():
    tally = _tally("a")
    assert _add(tally, "other", 1.0).sender == VERDICT.from_domain
    assert (tally.latencies, tally.missing) == ([], ["a"])


def test_nothing_published_is_failure():
    assert summarise(_tally()) == 1


async def test_waiting_for_verdicts_ends_when_time_is_up():
    tally = _tally("a")
    await asyncio.wait_for(settled(tally, 0.01), 30)
    assert tally.missing == ["a"]


class Ended:
    """A process of the stack that has ended by itself."""

    def __init__(self, name, code):
        self.name, self.ended, self.launched = name, code, 0

    def launch(self):
        self.launched += 1
        self.ended = None


@pytest.mark.parametrize(("code", "launched"), [(69, 0), (1, 1), (75, 1)])
def test_a_learner_that_another_took_over_from_is_not_started_again(code, launched):
    async def keep_up(service):
        task = asyncio.create_task(_keep_up(service))
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()

    learner = Ended("learner", code)
    asyncio.run(keep_up(learner))
    assert learner.launched == launched
