"""The offline classifier: an ONNX session that gives the raw margin, one thread, bit for bit."""

from dataclasses import dataclass
from importlib import resources
from typing import Self

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from features.schema import Part, Schema
from features.vector import SCHEMA
from models.manifest import ArtifactError, Manifest, digest, read_manifest

__all__ = ["ArtifactError", "Classifier", "Prediction"]

_RETRAIN = "train again with `weir train`"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's margin for one message, in logits (float64)."""

    model: str
    version: str
    logit: float


class Classifier:
    """A loaded artifact. `name` and `version` identify it in verdicts.

    `version` is the first 12 hexadecimal digits of the manifest's SHA-256: the manifest holds
    the artifact's digest, so it stands for inputs, trees and calibration alike.
    """

    name: str
    version: str
    manifest: Manifest

    def __init__(
        self, manifest: Manifest, version: str, session: ort.InferenceSession, columns: list[int]
    ) -> None:
        self.manifest = manifest
        self.name = manifest.name
        self.version = version
        self._session = session
        self._input = session.get_inputs()[0].name
        self._columns = np.array(columns, dtype=np.intp)
        self._width = 1 + max(columns)

    @classmethod
    def load(
        cls,
        manifest: bytes,
        artifact: bytes,
        schema: Schema = SCHEMA,
    ) -> Self:
        """Check digest, schema and inputs of an artifact and open it.

        The part of `schema` that the artifact reads must be the one it was trained on; the other
        parts don't matter. Raises ArtifactError, in one line that says what was given, what is
        wanted and what to do.
        """
        known = read_manifest(manifest)
        given = digest(artifact)
        if given != known.sha256:
            raise ArtifactError(
                f"artifact {known.name}: SHA-256 {given[:12]} given, {known.sha256[:12]} wanted "
                "by its manifest; restore the file or " + _RETRAIN
            )
        columns = _columns(known, _part(known, schema))
        return cls(known, digest(manifest)[:12], _session(known, artifact), columns)

    @classmethod
    def shipped(cls) -> Self:
        """Load the artifact that comes with Weir; raises ArtifactError where it doesn't fit."""
        folder = resources.files("models") / "artifacts"
        try:
            manifest = (folder / "manifest.json").read_bytes()
            artifact = (folder / "classifier.onnx").read_bytes()
        except FileNotFoundError as error:
            raise ArtifactError(
                f"artifact classifier: {error.filename} is missing; reinstall Weir or " + _RETRAIN
            ) from error
        return cls.load(manifest, artifact)

    def margins(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the trees' raw margins, shape (n,), for vectors of shape (n, features)."""
        if vectors.ndim != 2 or vectors.shape[1] < self._width:
            raise ValueError(f"vectors of shape {vectors.shape} given, (n, features) wanted")
        if not len(vectors):
            return np.empty(0, dtype=np.float64)
        rows = np.ascontiguousarray(vectors[:, self._columns], dtype=np.float32)
        margins = self._session.run(None, {self._input: rows})[0]
        return np.asarray(margins, dtype=np.float64).reshape(-1)

    def predict(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated log-odds of abuse, shape (n,), for vectors of shape (n, features).

        Each row's value depends on that row alone, to the bit. NaN in a vector means missing.
        Raises ValueError where the shape is another.
        """
        calibration = self.manifest.calibration
        return calibration.slope * self.margins(vectors) + calibration.intercept


def _part(manifest: Manifest, schema: Schema) -> Part:
    part = next((part for part in schema.parts if part.name == manifest.part), None)
    if part is None:
        raise ArtifactError(
            f"artifact {manifest.name}: reads part {manifest.part!r} of the feature schema, there "
            f"are {', '.join(part.name for part in schema.parts)}; " + _RETRAIN
        )
    if manifest.schema != part.digest:
        raise ArtifactError(
            f"artifact {manifest.name}: trained on feature schema {manifest.schema}, "
            f"{part.digest} is in force for part {part.name}; " + _RETRAIN
        )
    return part


def _columns(manifest: Manifest, part: Part) -> list[int]:
    """Return the places of the inputs in the whole vector."""
    places = {feature.name: at for at, feature in enumerate(part.features, part.start)}
    missing = [name for name in manifest.inputs if name not in places]
    if missing or not manifest.inputs:
        raise ArtifactError(
            f"artifact {manifest.name}: reads feature {missing[0]!r}, which part "
            f"{part.name} doesn't have; " + _RETRAIN
            if missing
            else f"artifact {manifest.name}: its manifest names no inputs; " + _RETRAIN
        )
    return [places[name] for name in manifest.inputs]


def _session(manifest: Manifest, artifact: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # One thread, else the order of float additions, and so the last bits, depend on the batch.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no base of their own
        line = str(error).partition("\n")[0]
        raise ArtifactError(f"artifact {manifest.name}: no ONNX model ({line})") from error
    width = session.get_inputs()[0].shape[-1]
    if width != len(manifest.inputs):
        raise ArtifactError(
            f"artifact {manifest.name}: the graph reads {width} numbers, its manifest names "
            f"{len(manifest.inputs)}; " + _RETRAIN
        )
    return session
