"""What a run judged, with all that changed in it, comes out the same again."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from detectors.record import decode
from models.label import Target
from streams.label_records import label_record, new_label

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "inbound").glob("*.eml"))
STRICTER = """shadow = false
[thresholds.inbound]
quarantine = 0.6
[signals.link_shortener_only]
mode = "shadow"
[[rules]]
name = "prizes"
when = 'subject.contains("won")'
action = "quarantine"
reason = "Nobody here plays"
[[rules]]
name = "seen"
when = 'sender_messages > 3.0'
action = "add_header"
reason = "A busy sender"
mode = "shadow"
"""


def lure(number):
    return (
        f"From: Prize {number} <s@lures.example>\r\nTo: you@example.com\r\n"
        f"Subject: You won {number}\r\nMessage-ID: <{number}@lures.example>\r\n\r\n"
        f"Click https://lures.example/{number} to take the prize that you won today.\r\n"
    ).encode()


def weir(installation, *arguments):
    """Run a command of the installation; return its exit code and what it writes."""
    done = subprocess.run(
        [sys.executable, "-c", "from apps.cli.main import main; main()", *arguments],
        capture_output=True,
        cwd=installation.directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WEIR_CONFIG": str(installation.config),
            "WEIR_MODELS__SNAPSHOTS": str(installation.directory / "snapshots"),
            "WEIR_ARCHIVE__URL": str(installation.directory / "archive"),
        },
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def replayed(installation, *arguments):
    code, out, err = weir(installation, "replay", *arguments, "--json")
    assert code in (0, 1), out + err
    return code, json.loads(out)


async def act(installation, mails):
    """Send mail; return the verdicts on it."""
    idents = await installation.send([installation.record(raw) for raw in mails])
    by_event = await installation.verdicts(idents)
    return [decode(by_event[f"{ident}.judged"][0].value) for ident in idents]


async def test_a_run_with_learning_a_policy_change_and_a_restart_is_verified_to_the_byte(
    installation, learner
):
    """Counts, models, policies and readings all change meanwhile, and each verdict holds."""
    installation.policy.write_text("shadow = false\n")
    snapshots = str(installation.directory / "snapshots")
    (installation.directory / "snapshots").mkdir()
    worker = installation.start_worker(WEIR_MODELS__SNAPSHOTS=snapshots)
    teaching = learner(WEIR_LEARNER__WAIT_SECONDS="1")
    worker.wait_ready()
    teaching.wait_ready()
    examples = [path.read_bytes() for path in EXAMPLES]
    first = await act(installation, [*examples[:20], *map(lure, range(4))])
    labels = installation.topic("labels")
    given = [
        new_label(Target(id=verdict.id), truth, "analyst", reporter=f"r{n}", given_at=now)
        for now in [datetime.now(UTC)]
        for n, (verdict, truth) in enumerate(
            [*((it, "spam") for it in first[-4:]), *((it, "ham") for it in first[:4])]
        )
    ]
    await installation.send([label_record(labels, it, source="/test") for it in given])
    await asyncio.to_thread(
        worker.wait_metric, "weir_models_published_sequence", lambda value: value >= 8
    )
    second = await act(installation, [*examples[20:32], *map(lure, range(4, 8))])
    installation.policy.write_text(STRICTER)
    await asyncio.to_thread(
        worker.wait_metric, 'weir_policy_reloads_total{outcome="loaded"}', lambda value: value
    )
    third = await act(installation, [*examples[32:44], *map(lure, range(8, 12))])
    assert worker.stop() == 0
    again = installation.start_worker(WEIR_MODELS__SNAPSHOTS=snapshots)
    again.wait_ready()
    fourth = await act(installation, [*examples[44:], *map(lure, range(12, 16))])
    told = [*first, *second, *third, *fourth]
    assert len({verdict.policy for verdict in told}) == 2
    assert len({verdict.models for verdict in told}) > 1
    assert any(signal.name.startswith("reported_") for it in told for signal in it.signals)
    again.stop()
    teaching.stop()

    code, found = replayed(installation, "topic", "--mode", "verify")
    assert (code, found["different"]) == (0, []), msgspec.json.encode(found)[:2000]
    assert found["verdicts"] == found["same"]["raw"] == len(told)

    # Without the mail: from vectors, with models and policies that the archive keeps by itself.
    code, _, err = weir(installation, "archive", "run", "--once")
    assert code == 0, err
    (installation.directory / "snapshots").rename(installation.directory / "gone")
    (installation.directory / "policies").rename(installation.directory / "lost")
    for key in installation.redis.scan_iter(f"{installation.name}:*"):
        installation.redis.delete(key)
    code, kept = replayed(installation, "--mode", "verify")
    assert (code, kept["different"]) == (0, []), msgspec.json.encode(kept)[:2000]
    assert kept["verdicts"] == kept["same"]["vector"] == len(told)
    assert kept["digest"] == found["digest"]
