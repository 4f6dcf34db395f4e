"""Stretches are tallied in order, whoever judges them; what goes wrong there is told here."""

import importlib

import pytest

from apps.replay.reading import Stretch
from apps.replay.workers import WorkersError, tallied
from apps.subscriber.recorded import Recorded

TASK = """
import os, signal

class Task:
    history = ""

    def __init__(self, deadly="", failing=""):
        self.deadly, self.failing = deadly, failing

    def open(self):
        def work(block):
            events = [each.event for each in block]
            if self.deadly in events:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.failing in events:
                raise LookupError("policy x isn't kept")
            return events
        return work

    def dump(self, tally):
        return ",".join(tally).encode()

    def load(self, state):
        return state.decode().split(",")
"""


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A task that other processes can import."""
    (tmp_path / "a_task_of_tests.py").write_text(TASK)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("a_task_of_tests").Task


async def stretches(count=8):
    for at in range(count):
        recorded = [Recorded(f"{at}.{each}", b"", 0) for each in range(2)]
        yield Stretch(recorded, (), {"at": at}, 2 * at + 2)


@pytest.mark.parametrize("workers", [1, 2])
async def test_tallies_come_in_the_order_of_the_stretches(task, workers):
    found = [(it.after["at"], tally) async for it, tally in tallied(stretches(), task(), workers)]
    assert found == [(at, [f"{at}.0", f"{at}.1"]) for at in range(8)]


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_the_work_raises_reaches_whoever_waits(task, workers):
    with pytest.raises(LookupError, match="isn't kept"):
        [it async for it in tallied(stretches(), task(failing="3.1"), workers)]


async def test_a_process_that_is_killed_ends_the_replay_in_one_line(task):
    with pytest.raises(WorkersError, match="fewer --workers"):
        [it async for it in tallied(stretches(), task(deadly="3.1"), 2)]
