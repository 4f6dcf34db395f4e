"""A learner from start to stop, on the real Kafka and Redis."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.command import Command
from models.label import Target
from streams.label_records import command_record, label_record, new_label, retraction
from streams.model_records import (
    Claim,
    Executed,
    Marker,
    Pointer,
    StepRecord,
    read_model_record,
)
from streams.wire import new_id

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


def lure(number):
    return (
        f"From: Prize {number} <s{number}@lures.example>\r\nTo: you@example.com\r\n"
        f"Subject: You won {number}\r\nMessage-ID: <{number}@lures.example>\r\n\r\n"
        f"Click https://lures.example/{number} to take the prize that you won today.\r\n"
    ).encode()


@pytest.fixture
def label(installation):
    """Make a label of a message, and its record."""

    def make(ident, truth="spam", source="analyst", reporter="r1"):
        given = new_label(
            Target(id=ident), truth, source, reporter=reporter, given_at=datetime.now(UTC)
        )
        return given, label_record(installation.topic("labels"), given, source="/test")

    return make


@pytest.fixture
def models(installation):
    """Read the models' records until one is as wanted; return them all."""

    async def read(holds):
        def every(found):
            return [read_model_record(record.headers, record.value) for record in found]

        return every(await installation.read("models", lambda found: any(map(holds, every(found)))))

    return read


def published(sequence):
    return lambda record: isinstance(record, Marker) and record.published >= sequence


def command(act, **fields):
    return Command(id=new_id(), act=act, given_at=datetime.now(UTC), **fields)


def of(kind, found):
    return [record for record in found if isinstance(record, kind)]


def rebuilt(installation):
    script = "from apps.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "models", "rebuild", "--json"],
        capture_output=True,
        cwd=installation.directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WEIR_CONFIG": str(installation.config),
            "WEIR_MODELS__SNAPSHOTS": "snapshots",
        },
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


async def test_labels_teach_whatever_comes_between_and_whoever_takes_over(
    installation, learner, label, models, mail
):
    worker = installation.start_worker()
    first = learner(WEIR_LEARNER__WAIT_SECONDS="1")
    worker.wait_ready()
    idents = await installation.send(
        [installation.record(lure(n)) for n in range(3)]
        + [installation.record(mail(n)) for n in range(3)]
    )
    await installation.verdicts(idents)
    first.wait_ready()
    _, unknown = label(new_id())
    broken = unknown._replace(value=b'{"schema": 1')
    spam = [label(ident) for ident in idents[:3]]
    ham = [label(ident, "ham") for ident in idents[3:]]
    await installation.send(
        [unknown, broken, *[record for _, record in spam], *[record for _, record in ham]]
    )
    found = await models(published(6))
    steps = of(StepRecord, found)
    assert [step.sequence for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [step.message for step in steps] == idents
    assert [step.step.lessons[0].abuse for step in steps] == [True] * 3 + [False] * 3
    (letter,) = await installation.read("deadletter", lambda got: got)
    assert dict(letter.headers)["weir-offset"] == b"1"

    second = learner()
    assert await asyncio.to_thread(first.process.wait, 60) == 69
    second.wait_ready()
    freeze, thaw = command("freeze"), command("thaw")
    labels = installation.topic("labels")
    taken_back = label_record(labels, retraction(spam[0][0], datetime.now(UTC)), source="/test")
    await installation.send(
        [
            command_record(labels, freeze, source="/test"),
            label(idents[1], reporter="r2", truth="ham")[1],
            command_record(labels, thaw, source="/test"),
            taken_back,
        ]
    )
    found = await models(published(7))
    assert [claim.fence for claim in of(Claim, found)] == [1, 2]
    answers = [(each.command, each.refused) for each in of(Executed, found)]
    assert answers == [(freeze.id, ""), (thaw.id, "")]
    steps = of(StepRecord, found)
    assert steps[6].fence == 2
    assert steps[6].message == idents[0]
    assert steps[6].step.lessons[0].weight < 0, "a retraction takes back"

    seed = of(Pointer, found)[0]
    assert (seed.stage, seed.sequence) == ("live", 0)
    back, wrong = (
        command("rollback", model="online", name=seed.name, digest=digest)
        for digest in (seed.digest, "0" * 64)
    )
    await installation.send([command_record(labels, it, source="/test") for it in (wrong, back)])
    found = await models(lambda it: isinstance(it, Executed) and it.command == back.id)
    answers = {it.command: it.refused for it in of(Executed, found)}
    assert answers[back.id] == ""
    assert "SHA-256 " in answers[wrong.id]
    markers = of(Marker, found)
    assert (markers[-1].published, markers[-1].digest) == (8, markers[0].digest)
    assert second.stop() == 0
    assert worker.stop() == 0
    assert "@" not in first.log.read_text() + second.log.read_text()
    folder = installation.directory / "snapshots"
    assert {path.name for path in folder.glob("*.snapshot")} >= {
        "online-0.snapshot",
        "online-8.snapshot",
    }
    found = rebuilt(installation)
    assert (found["start"], found["sequence"], found["agrees"]) == (0, 8, True)
