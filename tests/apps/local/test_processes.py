"""A guarded process ends with its parent, with its guard, and when it is told to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.local.errors import StackError
from apps.local.processes import GuardedProcess

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    """import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('up', flush=True)
time.sleep(600)
""",
]


def _gone(pid: int, within: float = 15.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def _wait_for_output(process: GuardedProcess) -> None:
    while not process.log.read_text():
        time.sleep(0.02)


def test_stop_ends_the_process_and_returns_its_exit_code(tmp_path):
    process = GuardedProcess("sleep", SLEEP, tmp_path / "log")
    assert process.running
    assert process.stop() == 128 + signal.SIGTERM
    assert not process.running
    assert _gone(process.pid)


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(tmp_path):
    process = GuardedProcess("stubborn", STUBBORN, tmp_path / "log", grace=0.2)
    _wait_for_output(process)
    assert process.stop() == 128 + signal.SIGKILL
    assert _gone(process.pid)


def test_a_stopped_process_is_woken_to_end_in_order(tmp_path):
    process = GuardedProcess("sleep", SLEEP, tmp_path / "log", grace=10.0)
    process.signal(signal.SIGSTOP)
    assert process.stop() == 128 + signal.SIGTERM


def test_the_children_of_the_process_end_with_it(tmp_path):
    shell = ["/bin/sh", "-c", "sleep 600 & echo $!; wait"]
    process = GuardedProcess("shell", shell, tmp_path / "log")
    _wait_for_output(process)
    grandchild = int(process.log.read_text())
    process.stop()
    assert _gone(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills with the guard")
def test_the_process_ends_when_its_guard_is_killed(tmp_path):
    process = GuardedProcess("sleep", SLEEP, tmp_path / "log")
    os.kill(process._guard.pid, signal.SIGKILL)
    assert _gone(process.pid)
    process.stop()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_process_ends_when_its_parent_does(tmp_path, ending):
    script = (
        "import pathlib, sys, time\n"
        "from apps.local.processes import GuardedProcess\n"
        "child = ['/bin/sleep', '600']\n"
        "print(GuardedProcess('sleep', child, pathlib.Path(sys.argv[1])).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(ending)
    assert _gone(pid)


def test_a_program_that_is_not_there_is_a_stack_error(tmp_path):
    with pytest.raises(
        StackError, match="broker did not start: can't run /nonexistent/program: No such file"
    ):
        GuardedProcess("broker", ["/nonexistent/program"], tmp_path / "log")


def test_exit_code_and_last_output_of_a_process_that_ended_are_kept(tmp_path):
    script = [sys.executable, "-c", "print('no such topic'); raise SystemExit(3)"]
    with GuardedProcess("worker", script, tmp_path / "log") as process:
        assert process.wait(30) == 3
        assert process.exit_code == 3
        assert process.tail() == "no such topic"


def test_the_environment_of_the_process_is_ours_and_what_is_added(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_OURS", "1")
    script = ["/bin/sh", "-c", 'echo "$WEIR_OURS $WEIR_ADDED"']
    with GuardedProcess("sh", script, tmp_path / "log", environment={"WEIR_ADDED": "2"}) as process:
        process.wait(30)
        assert process.tail() == "1 2"
