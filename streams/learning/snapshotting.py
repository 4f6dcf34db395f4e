"""Snapshots of what was published: written whole, read back, kept by the hour, found again."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from detectors.stack import Stack
from features.context import Context
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import LabelPosition, Snapshot, dump, load
from streams.learning.memory import Memory
from streams.registry import Artifact, Registry
from streams.snapshots import latest_good, newest_first, read_snapshot

__all__ = ["NAME", "Snapshots"]

NAME: Final = "online"
_SUFFIX: Final = ".known"  # beside a snapshot: what the learner remembers with it
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_ALWAYS: Final = 3  # the latest are kept, however old they are

log = structlog.get_logger(__name__)


class Snapshots:
    """The learner's own folder of snapshots; raises ArtifactError where it can't be used.

    `days` is how long hourly ones are kept, `known_ham` bounds what is remembered, `damaged` is
    told of each file that isn't whole.
    """

    def __init__(
        self,
        folder: Path,
        context: Context,
        stack: Stack,
        *,
        days: float,
        known_ham: int,
        damaged: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._registry = Registry(folder)
        self._context = context
        self._stack = stack
        self._days = days
        self._known_ham = known_ham
        self._damaged = damaged
        self.layout = layout(context)

    def fresh(self) -> tuple[Ensemble, Memory]:
        """Return models that have learned nothing, with this installation's weights as priors."""
        return Ensemble.fresh(self._stack.fresh_fusion()), Memory(self._known_ham)

    def latest(self) -> tuple[Ensemble, Memory, Snapshot] | None:
        """Return what the latest good snapshot holds, None where there is none."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = latest_good(self._folder, self._context, self._damaged)
        return None if found is None else self._open(*found)

    def oldest(self) -> tuple[Ensemble, Memory, Snapshot] | None:
        """Return what the oldest good snapshot holds, None where there is none."""
        for path in reversed(newest_first(self._folder)):
            with suppress(ArtifactError):
                return self._open(path, read_snapshot(path, self._context))
        return None

    def open(self, content: bytes) -> Ensemble:
        """Return the models of a snapshot's bytes; raises ArtifactError where they don't fit."""
        models, _ = self.fresh()
        known = load(content, schema=SCHEMA.digest, layout=self.layout)
        models.restore(known.states, known.digest[:12], known.sequence)
        return models

    def write(
        self,
        models: Ensemble,
        memory: Memory,
        *,
        sequence: int,
        fence: int,
        labels: LabelPosition | None,
        at: LabelPosition,
    ) -> tuple[Artifact, bytes]:
        """Write what was published, with what is remembered beside it, and read it back.

        `at` is the place in the models' topic from which all later steps are found. Raises
        ArtifactError where what was written isn't what is read.
        """
        content = dump(
            Snapshot(
                schema=SCHEMA.digest,
                layout=self.layout,
                states=models.state(),
                name=NAME,
                sequence=sequence,
                fence=fence,
                labels=labels,
                log=at,
            )
        )
        self._make_room(sequence)
        known = self._folder / f"{NAME}-{sequence}{_SUFFIX}"
        _write(known, memory.dump())  # first: a snapshot alone would replay nothing
        artifact = self._registry.keep(content)
        written = read_snapshot(self._folder / f"{NAME}-{sequence}.snapshot", self._context)
        if written.digest != artifact.digest:
            raise ArtifactError(f"snapshot {sequence}: another digest was read than written")
        models.digest = artifact.digest[:12]
        return artifact, content

    def expire(self, now: float | None = None) -> None:
        """Delete snapshots beyond one an hour, and those that are too old; the latest stay."""
        now = time.time() if now is None else now
        hours: set[int] = set()
        for place, path in enumerate(newest_first(self._folder)):
            with suppress(OSError):
                written = path.stat().st_mtime
                age, hour = now - written, int(written // _HOUR)
                too_old = age > self._days * _DAY
                again = age > _HOUR and hour in hours
                hours.add(hour)
                if place >= _ALWAYS and (too_old or again):
                    path.unlink()
                    path.with_suffix(_SUFFIX).unlink(missing_ok=True)

    def _open(self, path: Path, known: Snapshot) -> tuple[Ensemble, Memory, Snapshot]:
        models, memory = self.fresh()
        models.restore(known.states, known.digest[:12], known.sequence)
        beside = path.with_suffix(_SUFFIX)
        try:
            memory = Memory.load(beside.read_bytes(), self._known_ham)
        except FileNotFoundError:
            if known.sequence:
                log.warning("known_mail_missing", file=beside.name)
        except (ArtifactError, OSError) as error:
            self._damaged(f"{beside}: {error}")
        return models, memory, known

    def _make_room(self, sequence: int) -> None:
        """Put a file aside that bears the name of the next one and isn't whole."""
        path = self._folder / f"{NAME}-{sequence}.snapshot"
        if path.exists():
            try:
                read_snapshot(path, self._context)
            except ArtifactError:
                path.replace(path.with_suffix(".damaged"))


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)
