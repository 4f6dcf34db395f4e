"""Which artifacts act and which only score, as pointers have said; what the judge needs for it."""

import structlog

from detectors.judging import Judge
from detectors.shadows import Shadow
from detectors.weights import WeightsError
from models.classifier import Classifier
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from streams.following.artifacts import Artifacts
from streams.following.metrics import FollowingMetrics
from streams.in_force import InForce
from streams.model_records import Pointer

__all__ = ["SHADOWS", "Roles"]

SHADOWS = 4
"""Most shadows at a time: each scores every message, and online ones take 50 MB."""

log = structlog.get_logger(__name__)


class Roles:
    """The live classifier and the shadows: as wanted by the log, and as they are in force.

    What can't be loaded is refused, the last good one stays, and it is tried again at each `cast`.
    """

    def __init__(self, in_force: InForce, artifacts: Artifacts, metrics: FollowingMetrics) -> None:
        self._in_force = in_force
        self._artifacts = artifacts
        self._metrics = metrics
        self._configured = in_force.judge.classifier
        self._classifier: Pointer | None = None
        self._classifier_in_force: str = ""
        self._shadows: dict[str, Pointer] = {}
        self._shadows_in_force: dict[str, Shadow] = {}
        self._complaints: set[str] = set()
        self.pointed = False  # something is to be cast

    def point(self, pointer: Pointer) -> None:
        """Take note of what a pointer says of a classifier or a shadow."""
        self.pointed = True
        if pointer.stage == "shadow":
            self._shadows[pointer.digest] = pointer
            return
        self._shadows.pop(pointer.digest, None)
        if pointer.model != "classifier":
            return
        if pointer.stage == "live":
            self._classifier = pointer
        elif self._classifier is not None and self._classifier.digest == pointer.digest:
            self._classifier = None  # back to the one that the settings name

    async def cast(self) -> None:
        """Load what is wanted and isn't there, let go of what isn't wanted."""
        self.pointed = False
        await self._cast_classifier()
        await self._cast_shadows()

    async def _cast_classifier(self) -> None:
        wanted = self._classifier
        digest = wanted.digest if wanted else ""
        if digest == self._classifier_in_force:
            return
        classifier: Classifier | None = self._configured
        if wanted is not None:
            try:
                classifier = await self._artifacts.classifier(wanted)
            except ArtifactError as error:
                self._refuse(wanted, error)
                return
        try:
            self._in_force.change(lambda judge: judge.with_classifier(classifier))
        except WeightsError as error:  # one by a name that the stack doesn't weigh
            if wanted is not None:
                self._refuse(wanted, error)
            return
        self._classifier_in_force = digest
        log.info("classifier_in_force", digest=digest[:12], name=classifier and classifier.name)

    async def _cast_shadows(self) -> None:
        wanted = list(self._shadows)[:SHADOWS]
        for digest in list(self._shadows)[SHADOWS:]:
            self._refuse(self._shadows[digest], None)
        before = dict(self._shadows_in_force)
        found = {digest: before[digest] for digest in wanted if digest in before}
        for digest in wanted:
            if digest not in found:
                shadow = await self._open(self._shadows[digest])
                if shadow is not None:
                    found[digest] = shadow
        if found.keys() == before.keys():
            return
        self._in_force.change(lambda judge: judge.with_shadows(tuple(found.values())))
        self._shadows_in_force = found
        self._metrics.shadows.set(len(found))
        log.info("shadows_in_force", digests=[digest[:12] for digest in found])

    async def _open(self, pointer: Pointer) -> Shadow | None:
        """Return a shadow that the judge can ask, None where there is none of that digest."""
        try:
            model: Classifier | Ensemble
            if pointer.model == "online":
                model, _ = await self._artifacts.online(pointer)
            else:
                model = await self._artifacts.classifier(pointer)
            shadow = Shadow.of(model)
            _asked(self._in_force.judge, shadow)
        except (ArtifactError, WeightsError) as error:
            self._refuse(pointer, error)
            return None
        return shadow

    def _refuse(self, pointer: Pointer, error: Exception | None) -> None:
        reason = "artifact" if error else "shadows"
        if pointer.digest in self._complaints:
            return  # the same one is told once, however often it is tried
        self._complaints.add(pointer.digest)
        self._metrics.refuse(reason)
        log.error(
            "artifact_refused",
            model=pointer.model,
            stage=pointer.stage,
            digest=pointer.digest[:12],
            error=str(error)[:300] if error else f"at most {SHADOWS} shadows at a time",
        )


def _asked(judge: Judge, shadow: Shadow) -> None:
    """Raise WeightsError for a shadow of which the stack knows no weight."""
    for voter in shadow.voters():
        for name in voter.names:
            judge.stack.require(name)
