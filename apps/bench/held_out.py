"""Mail that is judged by models which never saw it: datasets, folds and the folds' judges."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.training.corpora import Sample, read_corpora
from apps.training.dataset import Dataset, read_dataset
from apps.training.evaluation import Validation, validate
from apps.training.export import to_onnx
from apps.training.inputs import PART, inputs
from apps.training.recipe import SHIPPED, evaluation_only, invented_mail
from apps.training.trees import Parameters, fit
from detectors.judging import Judge
from features.vector import SCHEMA
from models.classifier import Classifier
from models.manifest import Manifest, digest

__all__ = ["FOLDS", "HeldOut", "read_held_out"]

FOLDS = 5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Training mail with its folds, evaluation-only mail, and the bytes of both by digest."""

    dataset: Dataset
    unseen: Dataset
    validation: Validation
    columns: NDArray[np.intp]
    parameters: Parameters
    raws: dict[str, bytes] = field(repr=False)
    beside: Dataset = field(repr=False)  # invented mail: every model is trained on it

    def judges(self, judge: Judge) -> Iterator[tuple[Judge, NDArray[np.bool_]]]:
        """Yield, for each fold, a judge whose classifier never saw it, and the fold's mask."""
        for fold in range(FOLDS):
            own = np.asarray(self.validation.folds == fold)
            yield self.judge_without(judge, own), own

    def judge_without(self, judge: Judge, left_out: NDArray[np.bool_]) -> Judge:
        """Return a judge whose classifier is trained on all training mail but what a mask says."""
        artifact = to_onnx(
            fit(self.dataset.where(~left_out).joined(self.beside), self.columns, self.parameters)
        )
        manifest = Manifest(
            name="classifier",
            sha256=digest(artifact),
            part=PART,
            schema=SCHEMA.part(PART).digest,
            inputs=inputs(),
            calibration=self.validation.calibration,
        )
        return judge.with_classifier(Classifier.load(manifest.encode(), artifact))


def read_held_out(corpora: Path, say: Say) -> HeldOut:
    """Read corpora and train the folds' models; raises FileNotFoundError where there are none."""
    raws: dict[str, bytes] = {}

    def remembered() -> Iterator[Sample]:
        for sample in read_corpora(corpora):
            raws[hashlib.sha256(sample.raw).hexdigest()] = sample.raw
            yield sample

    every = read_dataset(remembered(), say=say)
    unseen_ones = evaluation_only(every, SHIPPED)
    dataset, unseen = every.where(~unseen_ones), every.where(unseen_ones)
    beside = invented_mail(SHIPPED)
    parameters = Parameters()
    columns = np.array([SCHEMA.names.index(name) for name in inputs()], dtype=np.intp)
    validation = validate(dataset, unseen, columns, parameters, FOLDS, say, beside=beside)
    return HeldOut(dataset, unseen, validation, columns, parameters, raws, beside)
