"""Workers follow the learner: its records on the real topic, written by hand, reach them all."""

import hashlib
import time
from datetime import UTC, datetime
from importlib import resources

import msgspec
import numpy as np
import pytest

from detectors.stack import shipped_stack
from detectors.verdict import Verdict
from features.tokens import Tokens, layout
from features.vector import SCHEMA
from models.bundle import Bundle
from models.ensemble import VOTERS, Ensemble
from models.lessons import lesson_of
from models.manifest import read_manifest
from models.sample import Sample
from models.snapshot import LabelPosition, Snapshot, dump
from models.step import Step
from streams.model_records import Claim, Marker, Pointer, StepRecord, Theta, model_record
from streams.registry import Registry
from streams.settings import read_keys

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, tzinfo=UTC)
THETA = Theta("t1", (), (1.0,))


class HandMade:
    """A learner's records, one by one; `models` are those that they lead to."""

    def __init__(self, installation):
        self.installation = installation
        self.folder = installation.directory / "snapshots"
        self.folder.mkdir()
        keys = read_keys(installation.directory / "keys.toml")
        self.layout = layout(installation.settings.context(keys))
        self.models = Ensemble.fresh(shipped_stack().fresh_fusion())
        self.registry = Registry(self.folder)
        self.fence = 1

    def worker(self, **environ):
        folder = str(self.folder)
        return self.installation.start_worker(WEIR_MODELS__SNAPSHOTS=folder, **environ)

    async def publish(self, *records):
        topic = self.installation.topic("models")
        async with self.installation.producer() as producer:
            for each in records:
                record = model_record(topic, each, NOW)
                await producer.send_and_wait(topic, record.value, headers=record.headers)

    def step(self):
        """Learn one more message; return its record."""
        number = self.models.sequence + 1
        slots = [number * 1000 + at for at in range(20)]
        vector = Sample(np.zeros(len(SCHEMA.names), np.float32), _tokens(slots))
        taught = lesson_of(vector, {"learned_text": 1.0}, abuse=bool(number % 2))
        step = Step((taught,))
        self.models.apply(step)
        return StepRecord(
            self.fence,
            number,
            LabelPosition("e", number),
            SCHEMA.digest,
            self.layout,
            "analyst",
            f"m{number}",
            step,
            at=time.time(),
        )

    def marker(self, published=None, digest=None):
        return Marker(
            fence=self.fence,
            published=self.models.sequence if published is None else published,
            digest=digest or self.models.state_digest(),
            theta=THETA,
        )

    def snapshot(self, **fields):
        """Keep a snapshot of the state in the folder; return its pointer."""
        content = dump(
            Snapshot(
                schema=SCHEMA.digest,
                layout=self.layout,
                states=self.models.state(),
                sequence=self.models.sequence,
                fence=self.fence,
            )
        )
        artifact = self.registry.keep(content)
        return self.pointer(artifact, **fields)

    def classifier(self, content, **fields):
        return self.pointer(self.registry.keep(content), **fields)

    def pointer(self, artifact, stage="live"):
        return Pointer(
            fence=self.fence,
            model=artifact.model,
            stage=stage,
            name=artifact.name,
            digest=artifact.digest,
            sequence=artifact.sequence,
        )


def _tokens(slots):
    return Tokens(np.array(slots, np.intp), (len(slots),))


def another_classifier():
    """Return the shipped classifier as a bundle under another version."""
    folder = resources.files("models") / "artifacts"
    known = read_manifest((folder / "manifest.json").read_bytes())
    manifest = msgspec.structs.replace(known, trainer={**known.trainer, "again": True}).encode()
    return Bundle(manifest, (folder / "classifier.onnx").read_bytes())


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
    shadow = learning.classifier(bundle.dump(), stage="shadow")
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
