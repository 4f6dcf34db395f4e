"""The online models that a worker starts with: the latest good snapshot of a folder."""

import re
from collections.abc import Callable
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

__all__ = [
    "latest",
    "latest_good",
    "newest_first",
    "open_models",
    "read_snapshot",
    "restore",
    "version",
]

_NAME: Final = re.compile(r"(?:.+-)?([0-9]{1,18})\.snapshot", re.ASCII)


def newest_first(folder: Path) -> list[Path]:
    """Return the files NAME-SEQUENCE.snapshot, the highest sequence first.

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
    return [path for _, path in sorted(found, reverse=True)]


def latest(folder: Path) -> Path | None:
    """Return the file with the highest sequence, None where there is none; raises ArtifactError."""
    return next(iter(newest_first(folder)), None)


def latest_good(
    folder: Path, context: Context | None, told: Callable[[str], None]
) -> tuple[Path, Snapshot] | None:
    """Return the latest snapshot that is whole and fits, None where there is no file of any.

    `told` hears, in one line, of each that was passed over. Raises ArtifactError, that of the
    latest, where there are some and none can be used.
    """
    first: ArtifactError | None = None
    for path in newest_first(folder):
        try:
            return path, read_snapshot(path, context)
        except ArtifactError as error:
            told(str(error))
            first = first or error
    if first is not None:
        raise first
    return None


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
    _take(models, path, read_snapshot(path, context))


def open_models(
    settings: Settings,
    context: Context,
    stack: Stack,
    told: Callable[[str], None] = lambda _: None,
) -> Ensemble | None:
    """Return the models of the latest good snapshot in `models.snapshots`, None without any.

    `told` hears of those that were passed over. Raises ArtifactError, one line, for a folder that
    can't be read, or where no snapshot in it can be used.
    """
    folder = settings.models.snapshots
    found = latest_good(Path(folder), context, told) if folder else None
    if found is None:
        return None
    models = Ensemble.fresh(stack.fresh_fusion())
    _take(models, *found)
    return models


def version(settings: Settings) -> str:
    """Return the version of the latest good snapshot, '' if there is none; opens no model."""
    folder = settings.models.snapshots
    found = latest_good(Path(folder), None, lambda _: None) if folder else None
    return found[1].version if found else ""


def _take(models: Ensemble, path: Path, known: Snapshot) -> None:
    try:
        models.restore(known.states, known.digest[:12], known.sequence)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
