"""The core in two halves: messages to evidence, then evidence and history to verdicts.

Between the halves the shell reads what is kept of the senders. Values in, values out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from detectors import asking
from detectors.apart import set_apart
from detectors.catalogue import DETECTORS
from detectors.faults import described, located
from detectors.policy import Policy, PolicySet
from detectors.predicting import ask
from detectors.shadows import Shadow, Shadows
from detectors.signals import Detector, Finding
from detectors.stack import Stack
from detectors.terms import Terms, prepare
from detectors.verdict import ModelVersion, Verdict, degraded_verdict, founded, judge
from features.context import Context
from features.envelope import Incoming
from features.evidence import Evidence, examine
from features.history import UNKNOWN, History
from features.message import Message, parse
from features.opened import File, Request
from features.reported import Hearing
from features.tokens import Tokens, segments
from features.wanted import wanted
from models.classifier import Classifier, Prediction
from models.ensemble import Ensemble
from models.sample import Sample
from models.voting import Voter, offline_voter

__all__ = ["STAGES", "Judge", "Judged", "Prepared"]

STAGES = ("parse", "features", "predict", "detect", "verdict")
"""What `stage` is told of: the first two by `prepare`, the others by `conclude`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a message shows by itself: `evidence` with an unknown history, None after `error`.

    `tokens` are there if the models read them. `faults` as in Judged. `wanted` is what the shell
    should open; `opened` what it found there, None where it couldn't: without a shell nothing is.
    """

    incoming: Incoming
    evidence: Evidence | None
    error: str | None = None
    tokens: Tokens | None = None
    faults: tuple[str, ...] = ()
    wanted: tuple[Request, ...] = ()
    opened: tuple[File, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the evidence it rests on, and what learning from it needs.

    `error` says what broke the pipeline on this message: a dead letter's reason. `faults` name
    parts that failed while the verdict still came, without any text of the message: for logs.
    `findings` are all that the detectors found, whether they counted or not. `terms_seen` holds, by
    the name of each signal that counted, the damped strength that its weight was multiplied by.
    """

    verdict: Verdict
    evidence: Evidence | None
    error: str | None = None
    faults: tuple[str, ...] = ()
    sample: Sample | None = None
    predictions: tuple[Prediction, ...] = ()
    terms_seen: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Case:
    """One message on its way through the stages; `error` takes it out of the later ones."""

    incoming: Incoming
    message: Message | None = None
    evidence: Evidence | None = None
    tokens: Tokens | None = None
    wanted: tuple[Request, ...] = ()
    sample: Sample | None = None
    shadow_votes: Sequence[tuple[Prediction, ...]] = ()
    findings: list[Finding] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    error: str | None = None


class Judge:
    """Judges batches with one set of models, one policy set and one context.

    `judge` never raises for a message: what breaks on one is a degraded verdict for that one.
    A new policy or model makes a new Judge (`with_policies`, `with_models`), which the shell puts
    in its place between batches; `models` may learn whenever no `conclude` runs: `prepare` reads
    nothing of what they learned. `shadows` score and act on nothing; `theta` says of which
    messages the verdict asks for a label. `stage`, if given, is called with a stage's name at its
    end, once a batch, so that the shell can time it: a clock is to be started before each half.
    """

    def __init__(  # noqa: PLR0913 - what judging needs, each by its name
        self,
        context: Context,
        classifier: Classifier | None,
        policies: PolicySet,
        stack: Stack,
        engine: str,
        *,
        models: Ensemble | None = None,
        shadows: Sequence[Shadow] = (),
        theta: asking.Asking | None = None,
        detectors: Sequence[Detector] = DETECTORS,
        stage: Callable[[str], None] | None = None,
    ) -> None:
        self.context = context
        self.classifier = classifier
        self.policies = policies
        self.engine = engine
        self.models = models
        self.theta = theta
        self.stack = stack
        self._shadows = Shadows(shadows)
        self._detectors = tuple(detectors)
        self._stage = stage or _unobserved
        self._offline = () if classifier is None else (offline_voter(classifier),)
        for voter in (*self._voters(), *(it for shadow in shadows for it in shadow.voters())):
            for name in voter.names:
                stack.require(name)
        present = {name for voter in self._offline for name in voter.names}
        self._absent = tuple(f"model:{name}" for name in stack.models if name not in present)
        self._default = self._terms(policies.default)
        self._tenants = {name: self._terms(p) for name, p in policies.tenants.items()}

    @property
    def shadows(self) -> tuple[Shadow, ...]:
        """The models that score and act on nothing."""
        return self._shadows.all

    def with_policies(self, policies: PolicySet) -> "Judge":
        """Return a judge that differs in its policies."""
        return self._other(policies=policies)

    def with_classifier(self, classifier: Classifier | None) -> "Judge":
        """Return a judge that differs in its classifier."""
        return self._other(classifier=classifier)

    def with_models(self, models: Ensemble | None) -> "Judge":
        """Return a judge that differs in its online models; without them they aren't missed."""
        return self._other(models=models)

    def with_shadows(self, shadows: Sequence[Shadow]) -> "Judge":
        """Return a judge that differs in its shadows."""
        return self._other(shadows=shadows)

    def with_theta(self, theta: asking.Asking | None) -> "Judge":
        """Return a judge that differs in how it asks for labels."""
        return self._other(theta=theta)

    def judge(self, batch: Sequence[Incoming]) -> list[Judged]:
        """Return one verdict a message, in order, without any state: all senders are unknown."""
        return self.conclude(self.prepare(batch), [UNKNOWN] * len(batch))

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Return what each message shows by itself, in order, whatever else is in the batch."""
        cases = [_Case(incoming) for incoming in batch]
        self._each(cases, self._parse, "parse")
        self._each(cases, self._examine, "features")
        return [
            Prepared(
                case.incoming,
                case.evidence if case.error is None else None,
                case.error,
                case.tokens,
                tuple(case.faults),
                case.wanted,
            )
            for case in cases
        ]

    def conclude(
        self, prepared: Sequence[Prepared], histories: Sequence[History | None]
    ) -> list[Judged]:
        """Return one verdict for each of this judge's `prepare`, in order.

        A history that is None couldn't be read: that verdict is degraded by "sender"; so is one
        without what it wanted opened, by "attachments". Raises ValueError where the lengths differ.
        """
        cases = [
            _Case(
                one.incoming,
                evidence=one.evidence,
                tokens=one.tokens,
                faults=list(one.faults),
                error=one.error,
            )
            for one in prepared
        ]
        for case, one, history in zip(cases, prepared, histories, strict=True):
            _remember(case, history, self.terms_of(case.incoming).policy.labels.hearing)
            _reveal(case, one.opened)
        self._predict([case for case in cases if case.error is None])
        self._stage("predict")
        self._each(cases, self._detect, "detect")
        judged = [self._conclude(case) for case in cases]
        self._stage("verdict")
        return judged

    def degraded(self, incoming: Incoming, *missing: str) -> Verdict:
        """Return the verdict for what failed outside the core; `missing` names the parts."""
        return degraded_verdict(incoming, self.terms_of(incoming), missing or ("pipeline",))

    def terms_of(self, incoming: Incoming) -> Terms:
        """Return what a message is judged by: its tenant's policy, made ready."""
        return self._tenants.get(incoming.envelope.tenant, self._default)

    def _other(self, **changes: Any) -> "Judge":
        kept = {
            "classifier": self.classifier,
            "policies": self.policies,
            "models": self.models,
            "shadows": self.shadows,
            "theta": self.theta,
            "detectors": self._detectors,
            "stage": self._stage,
        }
        given = {**kept, **changes}
        return Judge(self.context, stack=self.stack, engine=self.engine, **given)

    def _each(self, cases: Sequence[_Case], step: Callable[[_Case], None], stage: str) -> None:
        for case in cases:
            if case.error is None:
                try:
                    step(case)
                except BaseException as error:  # noqa: BLE001  # looked at in the next line
                    case.error = f"{stage}: {described(error)}"
        self._stage(stage)

    def _parse(self, case: _Case) -> None:
        case.message = parse(case.incoming.raw, self.context.limits)

    def _examine(self, case: _Case) -> None:
        assert case.message is not None
        found = case.evidence = examine(case.incoming, case.message, self.context)
        try:
            case.wanted = wanted(found, self.context.limits)
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            case.faults.append(f"attachments {located(error)}")
        if not (
            (self.models is not None and self.models.needs_tokens) or self._shadows.needs_tokens
        ):
            return
        try:
            case.tokens = segments(
                found.message, found.headers, found.content, found.links, self.context
            )
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            case.faults.append(f"tokens {located(error)}")

    def _voters(self) -> tuple[Voter, ...]:
        return (*self._offline, *(() if self.models is None else self.models.voters()))

    def _predict(self, cases: Sequence[_Case]) -> None:
        """Ask each model once for the batch; a message without a margin is judged without it."""
        samples = []
        for case in cases:
            assert case.evidence is not None
            case.degraded += self._absent
            case.sample = Sample(case.evidence.vector, case.tokens)
            samples.append(case.sample)
        for voter in self._voters() if cases else ():
            votes = ask(voter, samples)
            for case, vote in zip(cases, votes, strict=True):
                case.predictions += vote.predictions
                case.degraded += vote.missing
                case.faults += vote.faults
        if self.shadows and cases:
            for case, said in zip(cases, self._shadows.predict(samples), strict=True):
                case.shadow_votes = said

    def _detect(self, case: _Case) -> None:
        assert case.evidence is not None
        brands = self.terms_of(case.incoming).brands
        for detector in self._detectors:
            try:
                case.findings.extend(detector.detect(case.evidence, self.context, brands))
            except BaseException as error:  # noqa: BLE001  # looked at in the next line
                name = detector.specs[0].group if detector.specs else type(detector).__name__
                case.faults.append(f"detector:{name} {located(error)}")
                case.degraded.append(f"detector:{name}")
        try:
            case.findings = set_apart(
                case.findings, self._detectors, case.evidence, self.context, brands
            )
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            case.faults.append(f"kind {located(error)}")
            case.degraded.append("kind")

    def _conclude(self, case: _Case) -> Judged:
        terms = self.terms_of(case.incoming)
        if case.error is None:
            assert case.evidence is not None
            try:
                weighed = terms.stack.weigh(case.findings, case.predictions)
                verdict = judge(
                    case.incoming,
                    case.evidence,
                    weighed,
                    self._versions(case.predictions),
                    terms,
                    case.degraded,
                )
                found = case.findings, case.predictions
                verdict = founded(verdict, case.evidence, self.context, *found)
                return Judged(
                    self._observed(case, verdict, terms),
                    case.evidence,
                    None,
                    tuple(case.faults),
                    case.sample,
                    tuple(case.predictions),
                    weighed.seen,
                    tuple(case.findings),
                )
            except BaseException as error:  # noqa: BLE001  # looked at in the next line
                case.error = f"verdict: {described(error)}"
        verdict = degraded_verdict(case.incoming, terms)
        return Judged(verdict, case.evidence, case.error, tuple(case.faults))

    def _observed(self, case: _Case, verdict: Verdict, terms: Terms) -> Verdict:
        """Add what changes no action: the audit's question, and what shadows say."""
        if self.theta is not None:
            drawn = asking.ask(verdict.id, self.context.hash_key, verdict.logit, self.theta)
            verdict = msgspec.structs.replace(verdict, ask=drawn)
        if case.shadow_votes:
            scored, faults = self._shadows.score(
                case.shadow_votes, case.predictions, case.findings, terms.stack
            )
            case.faults += faults
            if scored:
                verdict = msgspec.structs.replace(verdict, shadow_models=scored)
        return verdict

    def _versions(self, predictions: Sequence[Prediction]) -> tuple[ModelVersion, ...]:
        """Name every model the verdict rests on; the fusion's weights are one of them."""
        versions = tuple([ModelVersion(p.model, p.version) for p in predictions])
        if self.models is None:
            return versions
        return (*versions, ModelVersion("fusion", self.models.version("fusion")))

    def _terms(self, policy: Policy) -> Terms:
        stack = self.stack if self.models is None else self.stack.fused(self.models.fusion)
        return prepare(policy, self.policies.digest, stack, self.context, self.engine)


def _remember(case: _Case, history: History | None, hearing: Hearing) -> None:
    """Put what is known of the sender into the evidence, and what reports must come to."""
    if case.error is not None or case.evidence is None:
        return
    if history is None:
        case.degraded.append("sender")
    elif history is not UNKNOWN:
        try:
            if history.reported:
                history = replace(history, hearing=hearing)
            case.evidence = case.evidence.with_history(history)
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            case.faults.append(f"sender {located(error)}")
            case.degraded.append("sender")


def _reveal(case: _Case, opened: Sequence[File] | None) -> None:
    """Put what was found inside the attachments into the evidence."""
    if case.error is not None or case.evidence is None:
        return
    if opened is None:
        case.degraded.append("attachments")
    elif opened:
        try:
            case.evidence = case.evidence.with_opened(opened)
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            case.faults.append(f"attachments {located(error)}")
            case.degraded.append("attachments")


def _unobserved(stage: str) -> None:
    """Stand in for a shell that doesn't time the stages."""
