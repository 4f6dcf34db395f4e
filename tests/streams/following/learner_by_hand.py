"""A learner's records without a learner: real steps, markers, snapshots and classifiers."""

import time
from importlib import resources

import msgspec
import numpy as np

from detectors.stack import shipped_stack
from features.tokens import Tokens
from features.vector import SCHEMA
from models.bundle import Bundle
from models.ensemble import Ensemble
from models.lessons import lesson_of
from models.manifest import read_manifest
from models.sample import Sample
from models.snapshot import LabelPosition, Snapshot, dump
from models.step import Step
from streams.model_records import Marker, Pointer, StepRecord, Theta
from streams.registry import Registry

THETA = Theta("t1", (), (1.0,))


class LearnerByHand:
    """Makes the records of one learner; `models` are those that they lead to."""

    def __init__(self, folder, layout):
        folder.mkdir(exist_ok=True)
        self.layout = layout
        self.registry = Registry(folder)
        self.fence = 1
        self.restart()

    def restart(self, sequence=0):
        """Begin with models that have learned nothing."""
        self.models = Ensemble.fresh(shipped_stack().fresh_fusion())
        self.models.sequence = sequence

    def step(self):
        """Learn one more message; return its record."""
        number = self.models.sequence + 1
        slots = np.arange(20, dtype=np.intp) + number * 1000
        sample = Sample(np.zeros(len(SCHEMA.names), np.float32), Tokens(slots, (20,)))
        step = Step((lesson_of(sample, {"learned_text": 1.0}, abuse=bool(number % 2)),))
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

    def marker(self, digest=None):
        """Let all steps out."""
        return Marker(
            fence=self.fence,
            published=self.models.sequence,
            digest=digest or self.models.state_digest(),
            theta=THETA,
        )

    def snapshot(self, stage="live"):
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
        return self.point(content, stage)

    def point(self, content, stage="live"):
        """Keep an artifact in the folder; return its pointer."""
        artifact = self.registry.keep(content)
        return Pointer(
            fence=self.fence,
            model=artifact.model,
            stage=stage,
            name=artifact.name,
            digest=artifact.digest,
            sequence=artifact.sequence,
        )


def another_classifier(**changes):
    """Return the shipped classifier as a bundle under another version."""
    folder = resources.files("models") / "artifacts"
    known = read_manifest((folder / "manifest.json").read_bytes())
    trainer = {**known.trainer, "again": True}
    manifest = msgspec.structs.replace(known, trainer=trainer, **changes).encode()
    return Bundle(manifest, (folder / "classifier.onnx").read_bytes())
