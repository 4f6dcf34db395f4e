"""The core as it was when a verdict was made: its models, its policy, its shadows, its audit."""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple, TypeVar

import msgspec

from apps.installation import read_context
from apps.replay.materials import Materials, MissingError
from apps.replay.timeline import MissingModelsError, Timeline
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.shadows import Shadow
from detectors.terms import Terms, prepare
from detectors.verdict import Verdict
from detectors.weights import WeightsError
from features.tokens import layout
from features.vector import SCHEMA
from models.classifier import Classifier
from models.ensemble import VOTERS, Ensemble
from models.manifest import ArtifactError
from models.snapshot import load
from streams.model_records import Theta
from streams.opening import load_weights

__all__ = ["Named", "Then", "named_in"]

_Key = tuple[object, ...]
_T = TypeVar("_T")

_CORES: Final = 8  # judges kept at a time: policies and shadows change seldom


class Named(NamedTuple):
    """All that a verdict names, by which verdicts are judged together.

    `online` is the snapshot's digest and the sequence of the online models, None where none were
    in force; `classifier` its version, '' for none; `shadows` name and version of each.
    """

    online: tuple[str, int] | None
    classifier: str
    policy: str
    theta: str
    shadows: tuple[tuple[str, str], ...]


def named_in(verdict: Verdict) -> Named:
    """Return what a verdict names; raises MissingError for a version of another form."""
    versions = {model.name: model.version for model in verdict.models}
    offline = [name for name in versions if name not in VOTERS and name != "fusion"]
    shadows = verdict.shadow_models
    return Named(
        _online(versions["fusion"]) if "fusion" in versions else None,
        versions[offline[0]] if offline else "",
        verdict.policy,
        verdict.ask.theta,
        ()
        if isinstance(shadows, msgspec.UnsetType)
        else tuple([(each.name, each.version) for each in shadows]),
    )


class Then:
    """Puts together what judged a verdict; what isn't kept any more raises MissingError.

    The engine, with the weights and limits in force, is this installation's own. `names` chooses
    among the online models.
    """

    def __init__(self, materials: Materials, names: Collection[str] = VOTERS) -> None:
        self.context = read_context(materials.settings)
        self.stack, weights = load_weights(materials.settings)
        self.engine = engine_digest(self.context, weights)
        self._materials = materials
        self._timeline = Timeline(
            materials.history, materials.artifact, self.context, self.stack, names=names
        )
        self._cores: OrderedDict[_Key, Judge] = OrderedDict()
        self._terms: OrderedDict[_Key, Terms] = OrderedDict()
        self._shadows: dict[tuple[str, str], Shadow | None] = {}

    def online(self, named: Named) -> Ensemble | None:
        """Return the online models, which stand until the next call; raises MissingError."""
        if named.online is None:
            return None
        try:
            return self._timeline.at(*named.online)
        except MissingModelsError as error:
            raise MissingError(str(error)) from None

    def classifier(self, named: Named) -> Classifier | None:
        """Return the classifier; raises MissingError."""
        return self._materials.classifier(named.classifier) if named.classifier else None

    def theta(self, named: Named) -> Theta | None:
        """Return the audit's chances; None where there were none, or they aren't kept."""
        return self._materials.history.theta(named.theta) if named.theta else None

    def shadows(self, named: Named) -> tuple[Shadow, ...] | None:
        """Return the shadows; None where one isn't kept."""
        found = [self._shadow(each) for each in named.shadows]
        kept = tuple([shadow for shadow in found if shadow is not None])
        return kept if len(kept) == len(found) else None

    def judge(self, named: Named) -> Judge:
        """Return the core; without shadows where they aren't kept. Raises MissingError."""
        models, classifier = self.online(named), self.classifier(named)
        shadows = self.shadows(named) or ()
        key = (id(models), *named[1:])
        core = self._cores.pop(key, None)
        if core is None:
            try:
                core = Judge(
                    self.context,
                    classifier,
                    self._materials.policy(named.policy),
                    self.stack,
                    self.engine,
                    models=models,
                    shadows=shadows,
                    theta=self.theta(named),
                )
            except WeightsError as error:
                raise MissingError(f"policy {named.policy}: {error}") from None
        _keep(self._cores, key, core)
        return core

    def terms(self, named: Named, tenant: str) -> Terms:
        """Return what a tenant's message was judged by; raises MissingError."""
        models = self.online(named)
        key = (None if models is None else id(models.fusion), named.policy, tenant)
        terms = self._terms.pop(key, None)
        if terms is None:
            policies = self._materials.policy(named.policy)
            stack = self.stack if models is None else self.stack.fused(models.fusion)
            policy = policies.for_tenant(tenant)
            terms = prepare(policy, policies.digest, stack, self.context, self.engine)
        _keep(self._terms, key, terms)
        return terms

    def _shadow(self, named: tuple[str, str]) -> Shadow | None:
        if named not in self._shadows:
            self._shadows[named] = self._open(*named)
        return self._shadows[named]

    def _open(self, name: str, version: str) -> Shadow | None:
        try:
            if name != "online":
                return Shadow.of(self._materials.classifier(version))
            online = _online(version)
            content = self._materials.snapshot(online[0])
            known = load(content, schema=SCHEMA.digest, layout=layout(self.context))
            models = Ensemble.fresh(self.stack.fresh_fusion())
            models.restore(known.states, known.digest[:12], known.sequence)
        except (ArtifactError, MissingError):
            return None
        return Shadow.of(models)


def _online(version: str) -> tuple[str, int]:
    """Return snapshot and sequence of a version NAME@SNAPSHOT+SEQUENCE."""
    digest, plus, sequence = version.rpartition("@")[2].partition("+")
    if not plus or not sequence.isdecimal():
        raise MissingError(f"model version {version[:80]!r} given, NAME@SNAPSHOT+SEQUENCE wanted")
    return digest, int(sequence)


def _keep(cache: OrderedDict[_Key, _T], key: _Key, value: _T) -> None:
    cache[key] = value
    while len(cache) > _CORES:
        cache.popitem(last=False)
