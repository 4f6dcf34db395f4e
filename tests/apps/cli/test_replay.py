"""What `weir replay` takes, and what it says of what can't be taken together."""

import pytest
from click.testing import CliRunner

from apps.cli.main import weir


def replay(*arguments):
    done = CliRunner().invoke(weir, ["replay", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mode", "verify", "--without", "spf_fail"], "--without, --rule and --against: of"),
        (["--mode", "re-live", "--workers", "2"], "each message needs those before it"),
        (["--mode", "verify", "--resume"], "--resume goes on with the run of an --out FILE"),
        (["--mode", "verify", "topic", "topic"], "2 SOURCEs given; verify reads one"),
        (["--mode", "backwards"], "'backwards' is not one of 'verify', 'what-if', 're-live'"),
        (["--mode", "verify", "nowhere"], "'nowhere' given; allowed: archive:URL"),
        (["--mode", "verify", "examples/inbound"], "--mode re-live judges mail"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(arguments, said):
    code, output = replay(*arguments)
    assert code == 2
    assert said in output


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    out = tmp_path / "found.json"
    (tmp_path / "found.json.checkpoint").write_bytes(b'{"asked":"verify x","mark":{},"found":{}}')
    code, output = replay("topic", "--mode", "verify", "--out", str(out), "--resume")
    assert code == 2
    assert "is of verify x, not of verify topic; run again without --resume" in output


def test_a_damaged_checkpoint_is_refused(tmp_path):
    out = tmp_path / "found.json"
    (tmp_path / "found.json.checkpoint").write_bytes(b"{")
    code, output = replay("topic", "--mode", "verify", "--out", str(out), "--resume")
    assert code == 2
    assert "isn't readable" in output
