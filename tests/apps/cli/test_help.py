"""The command line teaches itself, and answers without loading what it doesn't need."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from apps.cli.main import COMMANDS, weir
from apps.cli.reference import reference

ROOT = Path(__file__).parents[3]


def walk(command, path=("weir",)):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


EVERY = list(walk(weir))


@pytest.mark.parametrize(("path", "command"), EVERY, ids=str)
def test_every_command_has_a_help_text_and_exit_codes(path, command):
    said = f"{command.help} {command.epilog}"
    assert command.help
    if not isinstance(command, click.Group) and path[1] not in {"completion", "bench"}:
        assert re.search(r"[Ee]xit codes", said), f"{' '.join(path)} doesn't say its exit codes"


@pytest.mark.parametrize(("path", "command"), EVERY, ids=str)
def test_no_help_shows_the_mark_of_a_paragraph_that_is_not_wrapped(path, command):
    """A raw docstring would: click wants the character, not a backslash and a letter."""
    with click.Context(command, info_name=" ".join(path)) as context:
        assert "\\b" not in command.get_help(context)


@pytest.mark.parametrize(("path", "command"), EVERY, ids=str)
def test_every_option_has_a_help_text(path, command):
    silent = [
        option.name
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


def test_the_documentation_is_what_the_commands_say():
    """Made anew by `python -m apps.cli.reference > docs/cli.md`."""
    assert (ROOT / "docs" / "cli.md").read_text() == reference()


def test_the_list_of_commands_needs_none_of_them():
    """Heavy imports come when a command is called: that is why --help answers at once."""
    code = (
        "import sys; from apps.cli.main import weir\n"
        "weir(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'onnxruntime', 'faust', 'aiokafka', 'rich', 'msgspec', 'redis'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name, lazy in COMMANDS.items():
        assert name in done.stdout
        assert lazy.summary in " ".join(done.stdout.split())


def test_an_unknown_command_is_answered_with_the_nearest():
    result = CliRunner().invoke(weir, ["chekc"])
    assert result.exit_code == 2
    assert "Did you mean check?" in result.stderr


def test_the_version_names_model_policy_schema_and_engine():
    from apps.installation import read_context
    from detectors.engine import engine_digest
    from features.vector import SCHEMA
    from models.classifier import Classifier
    from streams.settings import load

    engine = engine_digest(read_context(load(None, {})))
    result = CliRunner().invoke(weir, ["--version"])
    assert result.exit_code == 0
    for digest in (SCHEMA.digest, engine, Classifier.shipped().version):
        assert digest in result.stdout


def test_the_version_says_what_is_wrong_with_a_part(tmp_path):
    result = CliRunner().invoke(
        weir, ["--version"], env={"WEIR_MODELS__CLASSIFIER": str(tmp_path / "none")}
    )
    assert result.exit_code == 0
    assert "model   not usable: models.classifier" in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell):
    result = CliRunner().invoke(weir, ["completion", shell])
    assert result.exit_code == 0
    assert f"_WEIR_COMPLETE={shell}_complete" in result.stdout


def test_completion_offers_commands_without_importing_them():
    code = (
        "import sys; from apps.cli.main import weir\n"
        "found = [i.value for i in weir.shell_complete(__import__('click').Context(weir), 'd')]\n"
        "assert found == ['data', 'deadletter', 'doctor'], found\n"
        "assert 'apps.cli.doctor' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
