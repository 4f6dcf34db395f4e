"""What the learner knows of quality: verdicts against later labels, drift, and whom to ask.

It runs beside the labels and holds none of them up: whatever fails here is told, and learning goes
on.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from detectors.actions import MICRO
from detectors.margins import logits_of
from models.manifest import ArtifactError
from models.progress import VERDICT, Progress
from streams.labels.ledger import Outcome
from streams.labels.message import Found
from streams.model_records import Theta
from streams.quality_metrics import QualityMetrics
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import TopicError
from streams.watching import Watch

__all__ = ["Quality", "open_quality"]

_FILE: Final = "quality.state"
_LOOK_SECONDS: Final = 15.0
_KEEP_SECONDS: Final = 600.0

log = structlog.get_logger(__name__)


class _State(msgspec.Struct, frozen=True, array_like=True):
    progress: bytes
    watch: bytes


class Quality:
    """Progressive validation, drift and audit of one learner; kept in a file beside snapshots.

    What a kill loses is at most ten minutes of figures, nothing that anybody was taught.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        folder = settings.models.snapshots
        self._path = Path(folder) / _FILE if folder else None
        self._metrics = QualityMetrics(registry)
        self._kept_at = time.monotonic()
        self.progress, self.watch = Progress(), Watch(settings, settings.learner.audit_labels)
        self._restore()

    def settled(self, found: Found, outcome: Outcome) -> None:
        """Take in what stands of a message now that a label of it has been counted."""
        verdict = found.verdict
        if verdict is None:
            return
        logits = logits_of(verdict.signals)
        for shadow in verdict.shadow_models or ():
            logits[f"shadow:{shadow.name}"] = shadow.logit / MICRO
        if verdict.logit is not None:
            logits[VERDICT] = verdict.logit / MICRO
        after = outcome.after
        self.progress.observe(
            outcome.message, logits, abuse=after.abuse, source=after.source or None
        )

    def theta(self) -> Theta | None:
        """Return how the audit asks from now on; None where it doesn't."""
        return self.watch.theta(time.time())

    async def look(self, consumer: Any) -> None:
        """Read what came of verdicts, tell of drift, show all in the metrics."""
        for alarm in await self.watch.look(consumer):
            log.warning(
                "drift",
                number=alarm.name,
                before=round(alarm.before, 4),
                after=round(alarm.after, 4),
                deviations=round(alarm.deviations, 2),
            )
        now = time.time()
        self._metrics.export(self.progress, self.watch, self.watch.theta(now), now)
        if time.monotonic() - self._kept_at >= _KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Write all to the file; a failure is told."""
        self._kept_at = time.monotonic()
        if self._path is None:
            return
        content = msgspec.msgpack.encode(_State(self.progress.to_bytes(), self.watch.to_bytes()))
        other = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            other.write_bytes(content)
            other.replace(self._path)
        except OSError as error:
            log.warning("quality_not_kept", file=str(self._path), reason=error.strerror)

    def _restore(self) -> None:
        if self._path is None:
            return
        try:
            kept = msgspec.msgpack.decode(self._path.read_bytes(), type=_State)
            progress = Progress.from_bytes(kept.progress)
            self.watch.restore(kept.watch)
            self.progress = progress
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, ArtifactError) as error:
            log.warning("quality_begins_anew", file=str(self._path), reason=str(error))


@contextlib.asynccontextmanager
async def open_quality(
    settings: Settings, partitions: int, registry: CollectorRegistry
) -> AsyncIterator[Quality]:
    """Watch the verdicts, of so many partitions, while the block runs; keep what is known after."""
    quality = Quality(settings, registry)
    watching = asyncio.create_task(_watch(quality, settings, partitions), name="weir-quality")
    try:
        yield quality
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        quality.keep()


async def _watch(quality: Quality, settings: Settings, partitions: int) -> None:
    while True:
        try:
            async with open_reader(settings) as consumer:
                await quality.watch.assign(consumer, partitions)
                while True:
                    await quality.look(consumer)
                    await asyncio.sleep(_LOOK_SECONDS)
        except TopicError as error:
            log.warning("verdicts_not_watched", reason=str(error))
        except Exception as error:  # noqa: BLE001 - figures mustn't end the learner
            log.error("quality_failed", error=f"{type(error).__name__}: {error}")  # noqa: TRY400 - told
        await asyncio.sleep(_LOOK_SECONDS)
