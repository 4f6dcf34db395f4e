"""A learner that is killed again and again while labels flow learns what it would have."""

import asyncio
import os
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from detectors.stack import shipped_stack
from features.tokens import layout
from models.label import Target
from models.lessons import read_lesson
from models.teaching import Labelled, step_of
from streams.label_records import label_record, new_label
from streams.learning.lineage import Lineage
from streams.learning.snapshotting import Snapshots
from streams.model_records import Marker, StepRecord, read_model_record
from streams.settings import read_keys

pytestmark = pytest.mark.integration

# By hand, for some minutes: WEIR_LONG_FAULTS=1, with Redis away and Kafka restarted meanwhile.
LONG = bool(os.environ.get("WEIR_LONG_FAULTS"))
LABELS, KILLS, RATE = (1000, 10, 20) if LONG else (40, 3, 30)
SNAPSHOT_LABELS = "15"
SECONDS = 300 if LONG else 60


def undisturbed(installation, records, given):
    """Learn the same labels in one go, without a log; return lineage and the steps it makes."""
    context = installation.settings.context(read_keys(installation.directory / "keys.toml"))
    fresh = Snapshots(
        installation.directory / "none", context, shipped_stack(), days=1, known_ham=2000
    )
    one = Lineage(*fresh.fresh(), layout(context))
    steps = []
    for record, label in zip(records, given, strict=True):
        first = record.step.lessons[0]
        taught = Labelled(
            id=label.id,
            source="analyst",
            abuse=label.truth == "spam",
            weight=1.0,
            sample=read_lesson(first).sample,
            terms=first.terms,
        )
        step = step_of(taught, one.memory.known())
        steps.append(step)
        one.learn(replace(record, step=step))
    return one, steps


async def test_each_label_is_learned_once_whenever_the_learner_is_killed(
    installation, stack, learner, mail
):
    worker = installation.start_worker()
    process = learner(WEIR_LEARNER__SNAPSHOT_LABELS=SNAPSHOT_LABELS)
    worker.wait_ready()
    idents = await installation.send([installation.record(mail(n)) for n in range(LABELS)])
    await installation.verdicts(idents)
    process.wait_ready()
    now = datetime.now(UTC)
    given = [
        new_label(
            Target(id=ident), "spam" if at % 2 else "ham", "analyst", reporter="r", given_at=now
        )
        for at, ident in enumerate(idents)
    ]
    topic = installation.topic("labels")
    records = [label_record(topic, label, source="/test") for label in given]
    flowing = asyncio.create_task(installation.send(records, rate=RATE))
    for kill in range(KILLS):
        wanted = (kill + 1) * LABELS // (KILLS + 2)

        def enough(found, wanted=wanted):
            return sum(dict(it.headers)["ce_type"] == b"weir.model.step" for it in found) >= wanted

        await installation.read("models", enough, SECONDS)
        if LONG and kill == KILLS // 3:
            installation.redis.client_pause(3000)  # the session's keeps nothing over a restart
        if LONG and kill == 2 * KILLS // 3:
            await asyncio.to_thread(stack.restart_kafka)
        process.kill()
        process = learner(WEIR_LEARNER__SNAPSHOT_LABELS=SNAPSHOT_LABELS)
    await flowing

    def read(found):
        return [read_model_record(record.headers, record.value) for record in found]

    def done(found):
        return any(
            isinstance(record, Marker) and record.labels and record.labels.offset == LABELS - 1
            for record in read(found)
        )

    log = read(await installation.read("models", done, SECONDS))
    steps = [record for record in log if isinstance(record, StepRecord)]
    assert [step.labels.offset for step in steps] == list(range(LABELS)), "each once, in order"
    assert [step.message for step in steps] == idents
    one, made = undisturbed(installation, steps, given)
    assert [step.step for step in steps] == made
    marker = [record for record in log if isinstance(record, Marker)][-1]
    assert marker.published == LABELS
    assert marker.digest == one.head.state_digest()
    assert process.stop() == 0
    assert worker.stop() == 0
