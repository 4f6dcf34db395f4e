"""The online models that a worker starts with: the latest snapshot of a folder."""

import re
from pathlib import Path
from typing import Final

from detectors.stack import Stack
from features.context import Context
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import Snapshot, load
from streams.settings import Settings

__all__ = ["latest", "open_models", "read_snapshot", "restore", "version"]

_NAME: Final = re.compile(r"(?:.+-)?([0-9]{1,18})\.snapshot", re.ASCII)


def latest(folder: Path) -> Path | None:
    """Return the file NAME-SEQUENCE.snapshot with the highest sequence, None where there is none.

    Raises ArtifactError, one line, for a folder that can't be read.
    """
    try:
        names = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    except OSError as error:
        raise ArtifactError(
            f"models.snapshots = {str(folder)!r}: {error.strerror}; wanted: a folder, which may be "
            "empty"
        ) from None
    found = [(int(name[1]), path) for name, path in names if name]
    return max(found)[1] if found else None


def read_snapshot(path: Path, context: Context | None) -> Snapshot:
    """Read a snapshot that fits the schema and, with a context, its salt; raises ArtifactError."""
    try:
        content = path.read_bytes()
        wanted = layout(context) if context else None
        return load(content, schema=SCHEMA.digest, layout=wanted)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None


def restore(models: Ensemble, path: Path, context: Context) -> None:
    """Make models those of a snapshot; raises ArtifactError where it lacks one or doesn't fit."""
    known = read_snapshot(path, context)
    try:
        models.restore(known.states, known.digest[:12], known.sequence)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None


def open_models(settings: Settings, context: Context, stack: Stack) -> Ensemble | None:
    """Return the models of the latest snapshot in `models.snapshots`, None where there is none.

    Raises ArtifactError, one line, for a folder or a snapshot that can't be used.
    """
    path = latest(Path(settings.models.snapshots)) if settings.models.snapshots else None
    if path is None:
        return None
    models = Ensemble.fresh(stack.fresh_fusion())
    restore(models, path, context)
    return models


def version(settings: Settings) -> str:
    """Return the version of the latest snapshot, '' if there is none; opens no model."""
    path = latest(Path(settings.models.snapshots)) if settings.models.snapshots else None
    return read_snapshot(path, None).version if path else ""
