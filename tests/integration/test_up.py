"""`weir up` as a person runs it: verdicts of the examples, Ctrl-C, and a second start."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apps.local import jars, layout
from apps.local.scenes import BURST

pytestmark = pytest.mark.integration

FOLDER = layout.CHECKOUT / "examples"
EXAMPLES = len(list(FOLDER.glob("*bound/*.eml"))) + BURST
LISTED = EXAMPLES - BURST + 4  # of the burst the first and the last three
UP = [str(Path(sys.executable).with_name("weir")), "up"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, stack) -> Path:
    """A WEIR_HOME of its own, with the jars that the fixture `stack` has brought."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "kafka").symlink_to(jars.folder().parent, target_is_directory=True)
    return folder


def _environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "WEIR_HOME": str(home), "STACK": "local", "NO_COLOR": "1", **more}


def _processes_of(folder: Path) -> list[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder) in text:
            found.append(text)
    return found


def test_up_judges_every_example_stays_until_ctrl_c_and_starts_again(home, tmp_path):
    command = [*UP, "--rate", "200"]
    with subprocess.Popen(
        command, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            lines.append(line)
            if "The stack is up until Ctrl-C" in line:
                break
        assert running.poll() is None, "".join(lines)
        assert _processes_of(home)
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
    said = "".join(lines)
    assert running.returncode == 0, said + rest
    assert f"{EXAMPLES} messages published, {EXAMPLES} judged" in said
    assert re.search(r"p50 \d+\.\d ms, p99 \d+\.\d ms; degraded: 0\n", said)
    listed = said.partition("messages published")[0].splitlines()
    verdicts = [line for line in listed if re.match(r"[a-z_]+ +\d\.\d{3} \w+", line)]
    assert len(verdicts) == LISTED
    assert any("PayPal" in line and line.startswith("reject") for line in verdicts)
    _assert_that_history_changed_verdicts(said)
    _assert_that_labels_changed_verdicts(said)
    _assert_that_the_hook_was_asked(said)
    assert "Traceback" not in said + rest
    assert _processes_of(home) == []

    keys = (home / "run" / "keys.toml").read_bytes()
    again = subprocess.run(
        [*command, "--once"], env=_environment(home), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{EXAMPLES} messages published, {EXAMPLES} judged" in again.stdout
    _assert_that_labels_changed_verdicts(again.stdout)
    assert (home / "run" / "keys.toml").read_bytes() == keys
    assert _processes_of(home) == []
    _assert_that_the_closing_words_work(again.stdout, tmp_path)


def _assert_that_the_closing_words_work(said: str, folder: Path) -> None:
    """As printed, in a shell, when the stack is down: the archive has both runs."""
    held, words = re.search(
        r"\n(\d+) verdicts are archived in \S+\. .*:\n((?:  .*\n)+)", said
    ).groups()
    assert int(held) > 2 * EXAMPLES
    path = f"{UP[0].removesuffix('/weir')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", words],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told, verified, otherwise = (
        done.stdout.partition("How the action came about")[2],
        re.search(r"the same +(\d+) from the mail, 0 from the vector", done.stdout),
        re.search(r"what if: reject from 0\.95 on", done.stdout),
    )
    assert "What would have changed it" in told
    assert verified[1] == held
    assert otherwise
    assert "<html" in (folder / "what-if.html").read_text()


def _assert_that_the_hook_was_asked(said: str) -> None:
    """A ham comes through with our header fields, a phish is refused with the id to ask about."""
    talk = said.partition("Asked while the SMTP client waits")[2]
    assert re.search(r"written-receipt\.eml\n +250 .*\n +X-Spam-Status: No, ", talk), said
    assert re.search(r"\n +X-Weir-Id: v1\.[0-9a-f-]{36}\.", talk), said
    assert re.search(r"phish-brand-1\.eml\n +550 5\.7\.1 .*\(id [0-9a-f-]{36}\)", talk), said


def _assert_that_labels_changed_verdicts(said: str) -> None:
    """Three reports hold siblings back, an analyst lets others go, and both can be taken back."""
    for told, before, after in (
        ("three people report it", "accept", "quarantine"),
        ("an analyst frees it", "add_header", "accept"),
    ):
        change = rf"{told} +{before} [\d.]+ -> {after} [\d.]+, [\d.]+ s later"
        assert re.search(rf"{change}; taken back, {before} again [\d.]+ s later\n", said), said


def _assert_that_history_changed_verdicts(said: str) -> None:
    """History tags a burst; a lookalike is worse than its words, the correspondent better."""
    told = {
        who: (action, float(alone), float(score), float(change))
        for who, action, alone, score, change in re.findall(
            r"^  (\S.*?) {2,}(\w+) +([\d.]+) -> ([\d.]+)  \(([-+][\d.]+)\)$", said, re.MULTILINE
        )
    }
    assert told["the first of a burst"][0] == "accept"
    action, alone, score, _ = told[f"later, of {BURST} in all"]
    assert action != "accept"
    assert alone < 0.1
    assert score > 0.5
    action, _, score, change = told["a correspondent's lookalike"]
    assert action == "reject"
    assert score > 0.9
    assert change > 3
    action, _, _, change = told["the correspondent"]
    assert action == "accept"
    assert change < -2
    assert f"First seen less than a minute ago, {BURST} messages to about" in said
    assert "looks like your correspondent's steinbach-hydraulik.net" in said
    assert "You write to this sender at steinbach-hydraulik.net yourself" in said


def test_what_a_script_starts_in_the_background_ends_with_a_sigterm(home):
    """There SIGINT is ignored from the start, which Ctrl-C's way of ending must not be."""
    command = ["sh", "-c", f"trap '' INT; exec {' '.join(UP)} --no-examples"]
    with subprocess.Popen(
        command, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        said = ""
        for line in running.stdout:
            said += line
            if "The stack is up until Ctrl-C" in line:
                break
        assert running.poll() is None, said
        running.terminate()
        said += running.stdout.read()
    assert running.returncode == 0, said
    assert "Stopping." in said
    assert _processes_of(home) == []


def test_a_wrong_setting_is_one_line_and_leaves_nothing_running(home):
    done = subprocess.run(
        [*UP, "--once"],
        env=_environment(home, WEIR_WORKER__BATCH_MESSAGES="many"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "worker.batch_messages = 'many'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert _processes_of(home) == []


def test_a_worker_that_cannot_start_is_told_with_its_own_words(home):
    done = subprocess.run(
        [*UP, "--once"],
        env=_environment(home, WEIR_POLICY__FILE="/nonexistent/policy.toml"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the worker ended with code 2" in done.stderr
    assert "/nonexistent/policy.toml" in done.stderr
    assert _processes_of(home) == []
