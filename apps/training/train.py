"""From a dataset to a release: cross-validation, calibration, final trees, artifact, gates."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from apps.training import gates
from apps.training.card import Importance, model_card
from apps.training.dataset import Dataset, sources_of
from apps.training.evaluation import (
    Validation,
    figures,
    leave_sources_out,
    reliability_of,
    validate,
)
from apps.training.export import to_onnx
from apps.training.forward import judge_later
from apps.training.inputs import PART
from apps.training.trained_on import FILE, pack
from apps.training.trees import Parameters, fit, gains, margins
from features.vector import SCHEMA, Schema
from models.classifier import Classifier
from models.manifest import DataSource, Manifest, Passed, digest

__all__ = ["NAME", "Release", "train", "write"]

NAME = "classifier"
_ARTIFACT = "classifier.onnx"
_OWN = "mail"  # what an operator's own mail is called, apps.training.gathering
_LIBRARIES = ("lightgbm", "numpy", "onnx", "onnxmltools")


@dataclass(frozen=True, slots=True)
class Release:
    """A trained model as the bytes of its four files, its gates, and how it was validated."""

    version: str
    artifact: bytes
    manifest: bytes
    trained_on: bytes
    card: str
    gates: tuple[gates.Gate, ...]
    validation: Validation

    @property
    def passes(self) -> bool:
        """Whether every gate holds that a model must pass even to be watched."""
        return all(gate.holds or gate.acts for gate in self.gates)

    @property
    def may_act(self) -> bool:
        """Whether every gate holds."""
        return all(gate.holds for gate in self.gates)


def train(  # noqa: PLR0913 - mail of three kinds, and how to train on it
    dataset: Dataset,
    unseen: Dataset,
    inputs: Sequence[str],
    parameters: Parameters,
    *,
    folds: int = 5,
    schema: Schema = SCHEMA,
    licenses: dict[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
    beside: Dataset | None = None,
    own: bool = False,
    force: bool = False,
) -> Release:
    """Train and evaluate; the same dataset and parameters give the same bytes on one machine.

    `inputs` are the features to read, `unseen` is mail for evaluation only, `licenses` maps a
    corpus to what its mail may be used under, `beside` is mail that is trained on and in no
    figure. `own` mail, an operator's, is gated by what it shows of legitimate mail as well: where
    it doesn't hold, the manifest says that the model may be watched and may not act, unless
    `force`d. Raises ValueError where the data can't be split.
    """
    columns = np.array([schema.names.index(name) for name in inputs], dtype=np.intp)
    validation = validate(dataset, unseen, columns, parameters, folds, say, beside=beside)
    metrics = figures(dataset, unseen, validation)
    metrics |= leave_sources_out(
        dataset, columns, parameters, validation.calibration, say, beside=beside
    )
    checked: tuple[gates.Gate, ...] = (gates.templates(dataset, validation.logits),)
    if own:
        found, later = judge_later(
            dataset, columns, parameters, validation.calibration, say, beside=beside
        )
        metrics |= found
        ham = ~dataset.spam & np.asarray(dataset.origins == _OWN)
        checked += (gates.own_mail(validation.logits[ham]), gates.later_mail(later))
    say("final model")
    whole = dataset.joined(beside)
    booster = fit(whole, columns, parameters)
    artifact = to_onnx(booster)
    trained_on = pack(whole.sha256)
    manifest = Manifest(
        name=NAME,
        sha256=digest(artifact),
        part=PART,
        schema=schema.part(PART).digest,
        inputs=tuple(inputs),
        calibration=validation.calibration,
        data=_sources(whole, licenses or {}),
        trained_on=digest(trained_on),
        metrics=metrics,
        trainer={
            **{library: version(library) for library in _LIBRARIES},
            **asdict(parameters),
            "folds": folds,
        },
    )
    every = np.concatenate([whole.vectors, unseen.vectors])
    said = Classifier.load(manifest.encode(), artifact, schema).margins(every)
    checked += (gates.parity(margins(booster, every[:, columns]), said),)
    if own:
        held = all(gate.holds for gate in checked)
        manifest = replace(
            manifest,
            stage="live" if held or force else "shadow",
            gates=tuple(Passed(gate.name, gate.holds, gate.found) for gate in checked),
        )
    encoded = manifest.encode()
    loaded = Classifier.load(encoded, artifact, schema)
    importances = [
        Importance(name, gain) for name, gain in zip(inputs, gains(booster), strict=True)
    ]
    card = model_card(
        manifest,
        loaded.version,
        checked,
        sorted(importances, key=lambda entry: (-entry.gain, entry.name)),
        reliability_of(dataset, validation),
        len(artifact),
    )
    return Release(loaded.version, artifact, encoded, trained_on, card, checked, validation)


def write(release: Release, folder: Path) -> None:
    """Write a release's four files into a folder, which is made if it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ARTIFACT).write_bytes(release.artifact)
    (folder / "manifest.json").write_bytes(release.manifest)
    (folder / FILE).write_bytes(release.trained_on)
    (folder / "MODEL_CARD.md").write_text(release.card, encoding="utf-8")


def _sources(dataset: Dataset, licenses: dict[str, str]) -> tuple[DataSource, ...]:
    return tuple(
        DataSource(
            name=name,
            ham=int((~part.spam).sum()),
            spam=int(part.spam.sum()),
            license=licenses.get(corpus, "the operator's own mail"),
            sha256=digest("\n".join(sorted(part.sha256)).encode()),
        )
        for name, corpus, part in sources_of(dataset)
    )
