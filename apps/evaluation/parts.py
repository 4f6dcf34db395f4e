"""Weir opened with chosen parts: what takes part in the score, and what it has learned before."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from apps.installation import read_context, read_policy_in_force
from detectors.catalogue import DETECTORS
from detectors.engine import engine_digest
from detectors.judging import Judge
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import VOTERS, Ensemble
from models.snapshot import Snapshot, dump
from streams.offline import Offline
from streams.opening import load_classifier, load_weights
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings
from streams.snapshots import restore
from streams.stores.rolling_memory import RollingMemory

__all__ = ["PARTS", "open_offline", "save_models"]

PARTS: Final = (*VOTERS, "classifier", "signals")
"""What takes part in a score: the online models, the offline classifier, the detectors."""
_OFFLINE: Final = frozenset({"classifier", "signals"})
_OF_SENDERS: Final = frozenset({"counts", "behaviour", "signals"})

Stage = Callable[[str], None]


def open_offline(
    settings: Settings,
    parts: Collection[str] = PARTS,
    *,
    policy: Path | None = None,
    snapshot: Path | None = None,
    stage: Stage | None = None,
) -> Offline:
    """Return Weir with those of PARTS, online models from nothing or as in a snapshot.

    The fusion is always there: before the first label it changes nothing, unless the online
    models are alone, with nothing else to go by. The state of senders begins empty, and is kept
    where a part reads it. `stage` is told of each stage's end. Raises what reading settings,
    policy, artifacts or the snapshot raises.
    """
    context = read_context(settings)
    stack, weights = load_weights(settings)
    fusion = stack.fresh_fusion() if _OFFLINE & set(parts) else stack.fresh_fusion(patience=0.0)
    models = Ensemble.fresh(fusion, [name for name in VOTERS if name in parts])
    if snapshot is not None:
        restore(models, snapshot, context)
    core = Judge(
        context,
        load_classifier(settings) if "classifier" in parts else None,
        read_policy_in_force(policy, settings),
        stack,
        engine_digest(context, weights),
        models=models,
        detectors=DETECTORS if "signals" in parts else (),
        stage=stage,
    )
    state = RollingMemory() if _OF_SENDERS & set(parts) else None
    return Offline(core, state, stage, Sandbox(settings.attachments))


def save_models(offline: Offline, file: Path) -> None:
    """Write what the online models have learned as a snapshot."""
    core = offline.core
    assert core.models is not None
    known = Snapshot(
        schema=SCHEMA.digest,
        layout=layout(core.context),
        states=core.models.state(),
        sequence=core.models.sequence,
    )
    file.write_bytes(dump(known))
