"""A real worker opens attachments, and one that breaks its reader costs its message alone."""

import os
import signal
import time
from pathlib import Path

import msgspec
import pytest

from detectors.verdict import Verdict

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[2] / "corpus" / "signals"
CODE = (SAMPLES / "attachment_code_stranger" / "fires2.eml").read_bytes()  # in a PDF


def _readers(worker):
    """Return the process ids of the worker's children that open attachments."""
    children = Path(f"/proc/{worker.process.pid}/task").glob("*/children")
    pids = [pid for file in children for pid in file.read_text("ascii").split()]
    return [
        int(pid) for pid in pids if b"reader_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def _wait_dead(pid):
    """Wait until a killed process is a zombie: on a busy machine a signal takes its time."""
    while Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)


async def _verdicts(installation, count):
    found = await installation.read("verdicts", lambda found: len(found) >= count)
    return [msgspec.json.decode(record.value, type=Verdict) for record in found]


async def test_a_code_in_a_pdf_speaks_in_the_verdict_of_a_worker(installation):
    worker = installation.start_worker().wait_ready()
    await installation.send([installation.record(CODE)])
    (verdict,) = await _verdicts(installation, 1)

    assert "attachment_code_stranger" in {signal.name for signal in verdict.signals}
    assert verdict.degraded == ()
    assert worker.metric("weir_attachments_opened_total") == 1


async def test_a_worker_whose_reader_was_killed_opens_the_next_attachment(installation):
    worker = installation.start_worker().wait_ready()
    (reader,) = _readers(worker)
    os.kill(reader, signal.SIGKILL)
    _wait_dead(reader)
    await installation.send([installation.record(CODE)])
    (verdict,) = await _verdicts(installation, 1)

    assert verdict.degraded == ()
    assert "attachment_code_stranger" in {signal.name for signal in verdict.signals}
    assert _readers(worker) != [reader]
    assert worker.process.poll() is None
