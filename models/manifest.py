"""What comes with an artifact: its digest, the features it reads, its data and metrics."""

import hashlib
from typing import Literal

import msgspec

__all__ = [
    "ArtifactError",
    "Calibration",
    "DataSource",
    "Manifest",
    "Passed",
    "digest",
    "read_manifest",
]


class ArtifactError(ValueError):
    """An artifact doesn't fit: the message says which digest or schema, given and wanted."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Platt scaling (1999) of a raw margin: logit = slope * margin + intercept, natural log."""

    slope: float = 1.0
    intercept: float = 0.0


class DataSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of training mail: how many messages, under what license, and their digest.

    `sha256` is over the sorted SHA-256 of the messages as they were read for training.
    """

    name: str
    ham: int
    spam: int
    license: str
    sha256: str


class Passed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release gate: whether it holds, and what was found, in one line."""

    name: str
    holds: bool
    found: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record beside an ONNX artifact.

    `sha256` is the artifact's. `part` names the part of the feature schema it was trained on,
    `schema` is that part's digest, `inputs` are the features it reads, by name, in its own
    order. `metrics` maps a sub-corpus to its figures (docs in the model card). `trainer` names
    library versions and parameters.
    `trained_on` is the SHA-256 of the list of training messages beside it, if there is one.
    `gates` is what an operator's own model was held to before it may act; where `stage` is
    "shadow" not all of them hold, and it is one to watch: workers don't start with it. A model
    that wasn't held to them has none.
    """

    format: int = 1
    name: str
    sha256: str
    part: str
    schema: str
    inputs: tuple[str, ...]
    calibration: Calibration = Calibration()
    license: str = "Apache-2.0"
    data: tuple[DataSource, ...] = ()
    trained_on: str = ""
    metrics: dict[str, dict[str, float | None]] = {}
    trainer: dict[str, str | int | float | bool] = {}
    stage: Literal["live", "shadow"] = "live"
    gates: tuple[Passed, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """What was found by the gates that don't hold."""
        return tuple(gate.found for gate in self.gates if not gate.holds)

    def encode(self) -> bytes:
        """Return the manifest as indented JSON, the same bytes for the same values."""
        given = msgspec.to_builtins(self)
        if not self.gates:
            del given["stage"], given["gates"]
        return msgspec.json.format(msgspec.json.encode(given), indent=2) + b"\n"


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(content: bytes) -> Manifest:
    """Decode a manifest; raises ArtifactError in one line where it is not one."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"manifest: not readable ({error}); restore it or train again with `weir train`"
        ) from error
    if manifest.format != 1:
        raise ArtifactError(
            f"manifest: format {manifest.format} given, 1 wanted; train again with `weir train`"
        )
    return manifest
