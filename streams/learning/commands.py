"""Commands of an operator, executed: `mail.models` then says what is live, shadow or let go."""

from typing import Final, Literal

import structlog

from models.command import Command
from models.manifest import ArtifactError
from streams.learning.claim import Fence
from streams.learning.lineage import Lineage
from streams.learning.metrics import LearnerMetrics
from streams.learning.publisher import Publisher
from streams.learning.publishing import Publishing
from streams.learning.snapshotting import Snapshots
from streams.model_records import Executed, Pointer, Stage
from streams.registry import Registry, open_classifier

__all__ = ["Commands"]

_STAGES: Final[dict[str, Stage]] = {"shadow": "shadow", "retire": "retired"}

log = structlog.get_logger(__name__)


class Commands:
    """Executes one command after the other; nothing here may run beside learning."""

    def __init__(
        self,
        lineage: Lineage,
        publishing: Publishing,
        publisher: Publisher,
        fence: Fence,
        registry: Registry,
        snapshots: Snapshots,
        metrics: LearnerMetrics,
    ) -> None:
        self._lineage = lineage
        self._publishing = publishing
        self._publisher = publisher
        self._fence = fence
        self._registry = registry
        self._snapshots = snapshots
        self._metrics = metrics

    async def execute(self, command: Command) -> None:
        """Do what is asked, or refuse it, and answer; raises DeliveryError or SupersededError."""
        try:
            await self._act(command)
            refused = ""
        except ArtifactError as error:
            refused = str(error)
        outcome = "refused" if refused else "done"
        self._metrics.commands.labels(command.act, outcome).inc()
        log.info("command", act=command.act, model=command.model, refused=refused)
        answer = Executed(fence=self._fence.number, command=command.id, refused=refused)
        await self._fence.confirm(await self._publisher.publish(answer))

    async def _act(self, command: Command) -> None:
        if command.act in ("freeze", "thaw"):
            self._lineage.frozen = command.act == "freeze"
            self._metrics.frozen.set(self._lineage.frozen)
            await self._publishing.look(force=True)
            return
        if command.model is None or not command.digest:
            raise ArtifactError(f"{command.act}: no artifact is named")
        pointer = self._pointer(command, command.model)
        if command.act == "retire":
            await self._publish(pointer)
            return
        content = await self._registry.get(pointer)
        if command.model == "classifier":
            open_classifier(content)
            await self._registry.cache(pointer.digest, content)
            await self._publish(pointer)
        elif pointer.stage == "shadow":
            self._snapshots.open(content)
            await self._registry.cache(pointer.digest, content)
            await self._publish(pointer)
        else:
            await self._go_to(content)

    def _pointer(self, command: Command, model: Literal["online", "classifier"]) -> Pointer:
        return Pointer(
            fence=self._fence.number,
            model=model,
            stage=_STAGES.get(command.act, "live"),
            name=command.name or model,
            digest=command.digest,
            sequence=command.sequence,
        )

    async def _go_to(self, content: bytes) -> None:
        """Make an online artifact live under a sequence of its own, which no step has.

        So that scorers and whoever rebuilds can't come to it by steps, and load it.
        """
        models = self._snapshots.open(content)
        self._lineage.replace(models, self._lineage.sequence + 1)
        await self._publishing.snapshot(await self._fence.end())
        await self._publishing.look(force=True)

    async def _publish(self, pointer: Pointer) -> None:
        await self._fence.confirm(await self._publisher.publish(pointer))
        self._lineage.announced.take(pointer)
