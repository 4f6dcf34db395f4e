"""Settings and policy: what is in force is shown, what is wrong is one line."""

import json
import shutil
import sys

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from detectors.policy_keys import LABEL_FIELDS
from streams.settings import write_keys


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, **keywords):
    return CliRunner().invoke(weir, arguments, **keywords)


def test_settings_say_where_a_value_came_from(tmp_path):
    (tmp_path / "weir.toml").write_text("[topics]\npartitions = 8\n")
    result = run("settings", "--changed", env={"WEIR_REDIS__PASSWORD": "very secret"})
    assert result.exit_code == 0
    assert "topics.partitions  8" in result.stdout
    assert "weir.toml" in result.stdout
    assert "WEIR_REDIS__PASSWORD" in result.stdout
    assert "very secret" not in result.stdout


def test_settings_as_json_hold_every_key():
    from streams.settings import catalogue

    shown = json.loads(run("settings", "--json").stdout)
    assert shown.keys() == catalogue().keys()
    assert shown["topics.partitions"] == {"value": "4", "origin": "default"}


@pytest.mark.parametrize(
    "command", [["settings"], ["check", "x"], ["topics", "create"], ["doctor"], ["worker"]]
)
def test_an_unknown_key_is_one_line_with_the_nearest_one(command):
    result = run(*command, env={"WEIR_KAFKA__BROKER": "x:1"})
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: unknown environment variable WEIR_KAFKA__BROKER; "
        "did you mean WEIR_KAFKA__BROKERS?\n"
    )


def test_a_wrong_value_says_what_was_given_and_what_is_allowed():
    result = run("settings", env={"WEIR_TOPICS__PARTITIONS": "none"})
    assert result.exit_code == 2
    assert "topics.partitions = 'none'" in result.stderr
    assert "allowed: a whole number from 1" in result.stderr


def test_the_shipped_policy_checks_out_and_can_be_written_to_a_file(tmp_path):
    text = run("policy", "show", "--shipped").stdout
    (tmp_path / "mine.toml").write_text(text)
    shipped, mine = run("policy", "check"), run("policy", "check", "mine.toml")
    assert shipped.exit_code == mine.exit_code == 0
    assert shipped.stdout == mine.stdout


def test_every_mistake_of_a_policy_is_a_line_with_its_place(tmp_path):
    (tmp_path / "bad.toml").write_text('shadow = "yes"\nunknown_key = 1\n')
    result = run("policy", "check", "bad.toml")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert "bad.toml:1:" in result.stderr
    assert "bad.toml:2:" in result.stderr
    problems = json.loads(run("policy", "check", "bad.toml", "--json").stdout)
    assert problems["ok"] is False
    assert [problem["line"] for problem in problems["problems"]] == [1, 2]


def test_a_tenants_policy_is_shown_and_an_unknown_one_refused(tmp_path):
    (tmp_path / "mine.toml").write_text("[tenant.acme]\nshadow = true\n")
    env = {"WEIR_POLICY__FILE": "mine.toml"}
    assert "shadow               true" in run("policy", "show", "--tenant", "acme", env=env).stdout
    assert "shadow               false" in run("policy", "show", env=env).stdout
    refused = run("policy", "show", "--tenant", "amce", env=env)
    assert refused.exit_code == 2
    assert "those that do: acme" in refused.stderr


def test_own_domains_and_brands_are_shown(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'own_domains = ["brookvale.org"]\n[[brands]]\nname = "Savings"\n'
        'phrases = ["brookvale savings", "bsp"]\ndomains = []\nambiguous = ["bsp"]\n'
    )
    shown = run("policy", "show", env={"WEIR_POLICY__FILE": str(tmp_path / "mine.toml")}).stdout

    assert "own_domains          brookvale.org" in shown
    assert (
        "brand Savings: called brookvale savings, bsp; no domains; only among generic words: bsp"
    ) in shown


def test_who_may_teach_is_shown_with_every_key(tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[labels]\nreporters = 5\ntraps = ["old@brookvale.org"]\n[labels.weights]\nuser = 0.5\n'
    )
    shown = run("policy", "show", env={"WEIR_POLICY__FILE": str(tmp_path / "mine.toml")}).stdout
    lines = [line.split(None, 1) for line in shown.splitlines() if line.startswith("  ")]
    said = {line[0]: line[1] for line in lines}
    assert {*LABEL_FIELDS, "weights", "traps"} <= said.keys()
    assert (said["reporters"], said["traps"]) == ("5", "old@brookvale.org")
    assert said["weights"] == "analyst 1, trap 1, user 0.5, automatic 0.3"


def test_the_policy_as_json_is_complete():
    shown = json.loads(run("policy", "show", "--json").stdout)
    assert {"digest", "thresholds", "rules", "allow", "deny", "on_failure"} <= shown.keys()


@pytest.mark.parametrize(
    "command",
    [
        ["topics", "describe"],
        ["verdicts"],
        ["deadletter", "list"],
        ["send", __file__],
    ],
)
def test_a_broker_that_does_not_answer_is_one_line_and_exit_code_4(command):
    result = run(*command, env={"WEIR_KAFKA__BROKERS": "127.0.0.1:1"})
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: kafka.brokers = 127.0.0.1:1: no broker answers")
    assert len(result.stderr.splitlines()) == 1


def test_the_doctor_goes_on_where_nothing_answers(tmp_path):
    env = {"WEIR_KAFKA__BROKERS": "127.0.0.1:1", "WEIR_REDIS__URL": "redis://127.0.0.1:1"}
    result = run("doctor", "--json", env=env)
    faults = {f["subject"]: f for f in json.loads(result.stdout) if f["level"] == "fault"}
    assert result.exit_code == 1
    assert faults.keys() == {"keys", "kafka", "redis"}
    assert all(finding["todo"] for finding in faults.values())


NOWHERE = {"WEIR_KAFKA__BROKERS": "127.0.0.1:1", "WEIR_REDIS__URL": "redis://127.0.0.1:1"}


@pytest.mark.parametrize("folder", ["", "taken", "taken/below"])
def test_a_learner_without_a_folder_for_snapshots_says_which_setting_and_what_is_allowed(
    folder, tmp_path
):
    write_keys(tmp_path / "keys.toml")
    (tmp_path / "taken").touch()
    given = str(tmp_path / folder) if folder else ""
    env = {
        "WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml"),
        "WEIR_MODELS__SNAPSHOTS": given,
    }
    refused = run("learner", env=NOWHERE | env)
    assert refused.exit_code == 2
    assert len(refused.stderr.splitlines()) == 1
    assert f"models.snapshots = {given!r}" in refused.stderr
    assert "allowed: a folder that the learner may write" in refused.stderr


def _attachments(**env):
    findings = json.loads(run("doctor", "--json", env=NOWHERE | env).stdout)
    return next(finding for finding in findings if finding["subject"] == "attachments")


def test_the_doctor_opens_an_attachment():
    assert _attachments()["said"].startswith("opened in a process of their own (up to 12)")
    assert _attachments(WEIR_LIMITS__OPENED="0")["said"] == "limits.opened = 0: none is opened"


@pytest.mark.parametrize("program", ["false", "no such program"])
def test_the_doctor_says_that_attachments_cannot_be_opened(program, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which(program) or f"/{program}")
    finding = _attachments()
    assert finding["level"] == "warning"
    assert 'degraded: ["attachments"]' in finding["said"]
    assert "limits.opened = 0" in finding["todo"]


def test_the_doctor_sees_a_world_readable_keys_file_and_an_expired_entry(tmp_path):
    from streams.keys import write_keys

    write_keys(tmp_path / "keys.toml")
    (tmp_path / "keys.toml").chmod(0o644)
    (tmp_path / "policy.toml").write_text(
        '[[deny]]\ndomain = "example.org"\nreason = "old"\nexpires = 2020-01-01\n'
    )
    env = {
        "WEIR_KAFKA__BROKERS": "127.0.0.1:1",
        "WEIR_REDIS__URL": "redis://127.0.0.1:1",
        "WEIR_POLICY__FILE": "policy.toml",
    }
    result = run("doctor", env=env)
    assert "0644" in result.stdout
    assert "chmod 600" in result.stdout
    assert "1 list entries have expired" in result.stdout, result.stdout
