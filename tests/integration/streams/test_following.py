"""Workers follow the learner: its records on the real topic, written by hand, reach them all."""

import hashlib
from datetime import UTC, datetime

import msgspec
import pytest

from detectors.verdict import Verdict
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import VOTERS
from models.snapshot import LabelPosition
from models.step import Step
from streams.model_records import Claim, Marker, StepRecord, model_record
from streams.settings import read_keys
from tests.streams.following.learner_by_hand import LearnerByHand, another_classifier

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class HandMade(LearnerByHand):
    """A learner by hand that publishes to an installation."""

    def __init__(self, installation):
        keys = read_keys(installation.directory / "keys.toml")
        self.installation = installation
        self.folder = installation.directory / "snapshots"
        super().__init__(self.folder, layout(installation.settings.context(keys)))

    def worker(self, **environ):
        folder = str(self.folder)
        return self.installation.start_worker(WEIR_MODELS__SNAPSHOTS=folder, **environ)

    async def publish(self, *records):
        topic = self.installation.topic("models")
        async with self.installation.producer() as producer:
            for each in records:
                record = model_record(topic, each, NOW)
                await producer.send_and_wait(topic, record.value, headers=record.headers)


@pytest.fixture
def learning(installation):
    return HandMade(installation)


async def judged(installation, mail, count, start):
    """Send messages; return their verdicts, with the worker that gave each."""
    records = [installation.record(mail(start + at)) for at in range(count)]
    idents = await installation.send(records)
    by_event = await installation.verdicts(idents)
    found = []
    for ident in idents:
        (record,) = by_event[f"{ident}.judged"]
        worker = dict(record.headers)["weir-worker"]
        found.append((msgspec.json.decode(record.value, type=Verdict), worker))
    return found


def versions(verdict):
    return {model.name: model.version for model in verdict.models}


async def test_two_workers_come_to_one_state_and_leave_what_does_not_count(
    installation, learning, mail
):
    workers = [learning.worker(), learning.worker()]
    for worker in workers:
        worker.wait_ready()

    def both(metric, holds):
        for worker in workers:
            worker.wait_metric(metric, holds)

    before = await judged(installation, mail, 8, 0)
    assert all(versions(it).keys() == {"classifier"} and not it.ask.asked for it, _ in before)

    await learning.publish(Claim(fence=1, learner="l", at=NOW), learning.marker())
    await learning.publish(*[learning.step() for _ in "abc"], learning.marker())
    both("weir_models_sequence", lambda value: value == 3)
    both(
        "weir_models_published_sequence", lambda value: value == 3
    )  # and what the marker asks is in force
    after = await judged(installation, mail, 16, 100)
    assert len({worker for _, worker in after}) == 2
    wanted = {name: f"{name}@new+3" for name in (*VOTERS, "fusion")}
    for verdict, _ in after:
        assert versions(verdict).items() >= wanted.items()
        assert (verdict.ask.theta, verdict.ask.asked) == ("t1", True)

    # An older learner's records, and a step of another release, change nothing.
    learning.fence = 2
    await learning.publish(Claim(fence=2, learner="m", at=NOW))
    stray = StepRecord(
        1, 4, LabelPosition("e", 4), SCHEMA.digest, learning.layout, "", "", Step(())
    )
    await learning.publish(stray, Marker(fence=1, published=4, digest="x"))
    both('weir_models_refused_total{reason="fence"}', lambda value: value == 2)

    # A wrong digest: begun anew, wrong again, and held until a snapshot leads on.
    await learning.publish(learning.step(), learning.marker(digest="0" * 64))
    both("weir_models_held", lambda value: value == 1)
    (verdict, _), *_ = await judged(installation, mail, 1, 200)
    assert versions(verdict).keys() == {"classifier"}
    pointer = learning.snapshot()
    await learning.publish(pointer, learning.step(), learning.marker())
    both("weir_models_sequence", lambda value: value == 5)
    both("weir_models_held", lambda value: value == 0)
    for verdict, _ in await judged(installation, mail, 8, 300):
        assert versions(verdict)["text"] == f"text@{pointer.digest[:12]}+5"
    assert all(worker.process.poll() is None for worker in workers)


async def test_a_classifier_is_swapped_a_damaged_one_refused_and_a_shadow_only_scores(
    installation, learning, mail
):
    worker = learning.worker().wait_ready()
    ((verdict, _),) = await judged(installation, mail, 1, 0)
    shipped = versions(verdict)["classifier"]
    bundle = another_classifier()
    shadow = learning.point(bundle.dump(), stage="shadow")
    await learning.publish(shadow)
    worker.wait_metric("weir_models_shadows", lambda value: value == 1)
    ((verdict, _),) = await judged(installation, mail, 1, 10)
    assert versions(verdict)["classifier"] == shipped
    (scored,) = verdict.shadow_models
    assert (scored.version, scored.logit) == (bundle.version, verdict.logit)

    await learning.publish(msgspec.structs.replace(shadow, stage="live"))
    worker.wait_metric("weir_models_shadows", lambda value: value == 0)
    ((verdict, _),) = await judged(installation, mail, 1, 20)
    assert versions(verdict)["classifier"] == bundle.version
    assert verdict.shadow_models is msgspec.UNSET

    missing = msgspec.structs.replace(shadow, stage="live", digest=hashlib.sha256().hexdigest())
    await learning.publish(missing)
    worker.wait_metric('weir_models_refused_total{reason="artifact"}', lambda value: value == 1)
    ((verdict, _),) = await judged(installation, mail, 1, 30)
    assert versions(verdict)["classifier"] == bundle.version
    assert worker.stop() == 0
