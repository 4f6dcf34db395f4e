"""The online models of a worker: what published steps make of them, and how they are mended.

Whatever goes wrong, models stay in force that a digest or a snapshot vouches for: a gap, a wrong
digest or a step that isn't readable leads to a snapshot, and where none leads on, steps are passed
over (held) until the learner names another.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import structlog

from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import LabelPosition, Snapshot
from streams.following.applying import Applier, BadStepError
from streams.following.artifacts import Artifacts
from streams.following.metrics import FollowingMetrics
from streams.following.order import (
    Action,
    Apply,
    Jump,
    Load,
    Order,
    Refuse,
    Reload,
    Rewind,
    Seen,
    Verify,
)
from streams.following.roles import Roles
from streams.in_force import InForce
from streams.model_records import Pointer

__all__ = ["State"]

_BREAKS: Final = (Reload, Rewind, Jump)  # what comes after one isn't read before it is done

log = structlog.get_logger(__name__)


class State:
    """Does what an Order makes due; used from the event loop by one task.

    `epoch` is that of the topic of models: the place that a snapshot names counts in it alone.
    """

    def __init__(
        self,
        in_force: InForce,
        artifacts: Artifacts,
        applier: Applier,
        roles: Roles,
        metrics: FollowingMetrics,
        *,
        epoch: str,
    ) -> None:
        self._in_force = in_force
        self._artifacts = artifacts
        self._applier = applier
        self._roles = roles
        self._metrics = metrics
        self._epoch = epoch
        self._layout = layout(in_force.judge.context)
        self._base: Pointer | None = None  # the snapshot that the models come from
        self._named: Pointer | None = None  # the last live one that the log named
        self._doubted: set[str] = set()  # snapshots from which steps led to a wrong digest
        self._refused: set[str] = set()
        self.held = False
        self.order = self._order(None, -1)

    async def start(self) -> int:
        """Begin at the folder's last snapshot, or at nothing; return from which offset to read."""
        try:
            known = await self._artifacts.latest()
        except ArtifactError:
            known = None  # the worker refused to start with it, so it has come since
        models = self._in_force.judge.models
        wanted = (known.digest[:12], known.sequence) if known else None
        if (models and (models.digest, models.sequence)) != wanted:
            self._put(await self._artifacts.restored(known) if known else None)
        return self._go_on_from(known)

    async def take(self, records: Iterable[Seen]) -> int | None:
        """Do what records make due; return from which offset to read on, None for the next."""
        pending: list[Action] = []
        for seen in records:
            found = self.order.read(seen)
            pending += found
            if found and isinstance(found[-1], _BREAKS):
                moved = await self._do(pending)
                return seen.offset + 1 if moved is None else moved
        return await self._do(pending)

    async def mend(self) -> int | None:
        """Try to get out of a hold; return from which offset to read on, None where it can't."""
        return await self._mend("gap") if self.held else None

    async def _do(self, due: Sequence[Action]) -> int | None:
        last = max((at for at, it in enumerate(due) if isinstance(it, Verify)), default=-1)
        for at, action in enumerate(due):
            if isinstance(action, Verify) and at != last:
                continue  # the last one vouches for those before it
            moved = await self._act(action)
            if moved is not None:
                return moved
        return None

    async def _act(self, action: Action) -> int | None:
        """Do one thing; return an offset where reading must go on from there."""
        moved = None
        match action:
            case Refuse():
                self._metrics.refuse(action.reason)
            case Rewind():
                moved = action.offset
            case Load():
                moved = await self._load(action.pointer)
            case Jump():
                await self._jump(action.pointer)
            case _ if self.held:
                pass
            case Apply():
                moved = await self._apply(action)
            case Verify():
                moved = await self._verify(action)
            case Reload():
                log.error("steps_missing", published=action.published, applied=self.order.applied)
                moved = await self._mend("gap")
        return moved

    async def _apply(self, due: Apply) -> int | None:
        if self._in_force.judge.models is None:
            self._put(await self._artifacts.fresh())
        models = self._in_force.judge.models
        assert models is not None
        try:
            await self._applier.apply(models, due.steps, due.sequence)
        except BadStepError as error:
            self._metrics.refuse("step")
            log.error("step_refused", error=str(error))  # noqa: TRY400 - it says all there is
            return await self._mend("step")
        return None

    async def _verify(self, wanted: Verify) -> int | None:
        models = self._in_force.judge.models
        if models is None or not wanted.digest:
            return None
        await self._applier.name(models, sequence=wanted.sequence)
        found = await self._applier.digest(models)
        if found == wanted.digest:
            self._doubted.clear()
            return None
        self._metrics.refuse("digest")
        log.error(
            "wrong_digest", sequence=wanted.sequence, found=found[:12], wanted=wanted.digest[:12]
        )
        return await self._doubt()

    async def _doubt(self) -> int | None:
        """Start again from a newer snapshot, else once more from the same, else stay on it."""
        base = self._base
        digest = base.digest if base else ""
        again = digest not in self._doubted
        self._doubted.add(digest)
        newer = await self._mend("digest", above=base.sequence if base else 0)
        if newer is not None:
            return newer
        models, known = None, None
        if base is not None:
            try:
                models, known = await self._artifacts.online(base)
            except ArtifactError as error:
                self._refuse(base, error)
        self._put(models)
        self._hold(held=not again)
        self._metrics.reloads.labels("digest").inc()
        return self._go_on_from(known) if again else None

    async def _load(self, pointer: Pointer) -> int | None:
        if pointer.model == "online" and pointer.stage == "live":
            self._named = pointer
            self._roles.point(pointer)
            models = self._in_force.judge.models
            if self.held:
                return await self._mend("gap")
            if models is None and pointer.sequence == self.order.applied:
                await self._jump(pointer)  # what steps will go on from
            elif models is not None and self._since_base(pointer) <= models.sequence:
                # What it holds is the state, so that all workers name the same snapshot.
                await self._applier.name(models, digest=pointer.digest[:12])
                self._base = pointer
        else:
            self._roles.point(pointer)
        return None

    async def _jump(self, pointer: Pointer) -> None:
        """Go on from the snapshot that a pointer names, wherever the state was."""
        self._named = pointer
        self._roles.point(pointer)
        try:
            models, known = await self._artifacts.online(pointer)
        except ArtifactError as error:
            self._refuse(pointer, error)
            self._hold(held=True)
            return
        self._metrics.reloads.labels("jump").inc()
        self._put(models)
        self._base = _pointer(known, pointer)
        self._hold(held=False)

    async def _mend(self, reason: str, above: int | None = None) -> int | None:
        """Go on from the newest snapshot above a sequence (the models' own), and hold without."""
        models = self._in_force.judge.models
        least = above if above is not None else models.sequence if models else -1
        found = await self._newer(least)
        if found is None:
            if reason != "digest":
                self._hold(held=True)
            return None
        self._metrics.reloads.labels(reason).inc()
        self._put(found[0])
        self._hold(held=False)
        return self._go_on_from(found[1])

    async def _newer(self, least: int) -> tuple[Ensemble, Snapshot] | None:
        """Return the snapshot that the log named, else the folder's, if it leads on."""
        named = self._named
        if named is not None and named.sequence > least and named.digest not in self._doubted:
            try:
                return await self._artifacts.online(named)
            except ArtifactError as error:
                self._refuse(named, error)
        try:
            known = await self._artifacts.latest(above=least)
            if known and known.sequence > least and known.digest not in self._doubted:
                return await self._artifacts.restored(known), known
        except ArtifactError as error:
            log.error("snapshots_refused", error=str(error)[:300])  # noqa: TRY400 - one line
        return None

    def _put(self, models: Ensemble | None) -> None:
        self._in_force.change(lambda judge: judge.with_models(models))
        self._metrics.sequence.set(models.sequence if models else 0)
        log.info("models_in_force", version=models.version("online") if models else "none")

    def _hold(self, *, held: bool) -> None:
        self.held = held
        self._metrics.held.set(held)

    def _go_on_from(self, known: Snapshot | None) -> int:
        """Begin anew after a snapshot; return the offset from which all that it lacks is read."""
        self._base = _pointer(known, self._named) if known else None
        self.order = self._order(known, self.order.heeded)
        return _offset(known.log, self._epoch) if known else 0

    def _order(self, known: Snapshot | None, heeded: int) -> Order:
        return Order(
            schema=SCHEMA.digest,
            layout=self._layout,
            sequence=known.sequence if known else 0,
            fence=known.fence if known else 0,
            heeded=heeded,
        )

    def _since_base(self, pointer: Pointer) -> int:
        base = self._base.sequence if self._base else 0
        return max(pointer.sequence, base)

    def _refuse(self, pointer: Pointer, error: ArtifactError) -> None:
        if pointer.digest not in self._refused:
            self._refused.add(pointer.digest)
            self._metrics.refuse("artifact")
            log.error("snapshot_refused", digest=pointer.digest[:12], error=str(error)[:300])


def _pointer(known: Snapshot, named: Pointer | None) -> Pointer:
    """Return the pointer by which a snapshot is read again."""
    return Pointer(
        fence=named.fence if named else known.fence,
        model="online",
        stage="live",
        name=known.name,
        digest=known.digest,
        sequence=known.sequence,
        labels=known.labels,
    )


def _offset(place: LabelPosition | None, epoch: str) -> int:
    return place.offset if place is not None and place.epoch == epoch else 0
