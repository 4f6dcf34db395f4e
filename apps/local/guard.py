"""Run one command and let it live no longer than the process that asked for it.

Started as a script by `processes.py` (standard library only, so that it starts in 20 ms). Its
standard input is a pipe whose other end only the asking process holds: when that process ends, in
whatever way, the pipe closes and the command is stopped. Should the guard itself be killed, the
kernel kills the command (Linux).
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _in_the_child() -> None:
    for number in _IGNORED:  # an ignored signal stays ignored in the program that follows
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def run(grace: float, command: list[str]) -> int:
    """Run `command` in a session of its own until it ends or standard input closes.

    When standard input closes, the command's group gets SIGTERM, and SIGKILL `grace` seconds
    later. The first line on standard output is the command's process id; its own output goes to
    standard error.

    Returns:
        The command's exit code, 128 + the number of the signal that ended it, or 127 if it
        can't be run.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    try:
        child = subprocess.Popen(  # noqa: S603 - the command comes from our own launcher
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
            preexec_fn=_in_the_child,  # noqa: PLW1509 - this process has one thread here
        )
    except OSError as problem:
        print(f"can't run {command[0]}: {problem.strerror}", file=sys.stderr)
        return 127
    print(child.pid, flush=True)
    ended, announce = os.pipe()

    def wait() -> None:
        child.wait()
        os.close(announce)

    threading.Thread(target=wait, daemon=True).start()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        selector.select()
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        _signal_group(child.pid, signal.SIGCONT)  # a stopped process only acts on it when woken
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace)
    _signal_group(child.pid, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]), sys.argv[2:]))
