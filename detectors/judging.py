"""The core in one piece: incoming messages to verdicts, values in, values out."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np

from detectors.catalogue import DETECTORS
from detectors.policy import Policy, PolicySet
from detectors.signals import Detector, Finding
from detectors.stack import Stack
from detectors.terms import Terms, prepare
from detectors.verdict import Verdict, degraded_verdict, judge
from features.context import Context
from features.envelope import Incoming
from features.evidence import Evidence, examine
from features.message import Message, parse
from models.classifier import Classifier, Prediction

__all__ = ["STAGES", "Judge", "Judged"]

STAGES = ("parse", "features", "predict", "detect", "verdict")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the evidence it rests on.

    `error` says what broke the pipeline on this message: a dead letter's reason. `faults` name
    parts that failed while the verdict still came, without any text of the message: for logs.
    """

    verdict: Verdict
    evidence: Evidence | None
    error: str | None = None
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class _Case:
    """One message on its way through the stages; `error` takes it out of the later ones."""

    incoming: Incoming
    message: Message | None = None
    evidence: Evidence | None = None
    findings: list[Finding] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    error: str | None = None


class Judge:
    """Judges batches with one set of models, one policy set and one context.

    `judge` never raises for a message: what breaks on one is a degraded verdict for that one.
    Nothing of a Judge changes: a new policy or classifier makes a new one (`with_policies`,
    `with_classifier`), which the shell puts in its place between batches. `stage`, if given, is
    called with a stage's name at its end, once a batch, so that the shell can time it.
    """

    def __init__(
        self,
        context: Context,
        classifier: Classifier | None,
        policies: PolicySet,
        stack: Stack,
        engine: str,
        *,
        detectors: Sequence[Detector] = DETECTORS,
        stage: Callable[[str], None] | None = None,
    ) -> None:
        self.context = context
        self.classifier = classifier
        self.policies = policies
        self.engine = engine
        self._stack = stack
        self._detectors = tuple(detectors)
        self._stage = stage or _unobserved
        present = () if classifier is None else (stack.require(classifier.name),)
        self._absent = tuple(f"model:{name}" for name in stack.models if name not in present)
        self._default = self._terms(policies.default)
        self._tenants = {name: self._terms(p) for name, p in policies.tenants.items()}

    def with_policies(self, policies: PolicySet) -> "Judge":
        """Return a judge that differs in its policies."""
        return Judge(
            self.context,
            self.classifier,
            policies,
            self._stack,
            self.engine,
            detectors=self._detectors,
            stage=self._stage,
        )

    def with_classifier(self, classifier: Classifier | None) -> "Judge":
        """Return a judge that differs in its classifier."""
        return Judge(
            self.context,
            classifier,
            self.policies,
            self._stack,
            self.engine,
            detectors=self._detectors,
            stage=self._stage,
        )

    def judge(self, batch: Sequence[Incoming]) -> list[Judged]:
        """Return one verdict a message, in order, whatever else is in the batch."""
        cases = [_Case(incoming) for incoming in batch]
        self._each(cases, self._parse, "parse")
        self._each(cases, self._examine, "features")
        self._predict([case for case in cases if case.error is None])
        self._stage("predict")
        self._each(cases, self._detect, "detect")
        judged = [self._conclude(case) for case in cases]
        self._stage("verdict")
        return judged

    def degraded(self, incoming: Incoming, *missing: str) -> Verdict:
        """Return the verdict for what failed outside the core; `missing` names the parts."""
        return degraded_verdict(incoming, self._terms_of(incoming), missing or ("pipeline",))

    def _each(self, cases: Sequence[_Case], step: Callable[[_Case], None], stage: str) -> None:
        for case in cases:
            if case.error is None:
                try:
                    step(case)
                except BaseException as error:  # noqa: BLE001  # looked at in the next line
                    case.error = f"{stage}: {_described(error)}"
        self._stage(stage)

    def _parse(self, case: _Case) -> None:
        case.message = parse(case.incoming.raw, self.context.limits)

    def _examine(self, case: _Case) -> None:
        assert case.message is not None
        case.evidence = examine(case.incoming, case.message, self.context)

    def _predict(self, cases: Sequence[_Case]) -> None:
        """Run the model once for the batch; a message without a margin is judged without it."""
        for case in cases:
            case.degraded += self._absent
        model = self.classifier
        if model is None or not cases:
            return
        vectors = np.stack([case.evidence.vector for case in cases if case.evidence is not None])
        try:
            margins = model.predict(vectors)
        except BaseException as error:  # noqa: BLE001  # looked at in the next line
            fault = f"model:{model.name} {_located(error)}"
            for case in cases:
                case.faults.append(fault)
            margins = np.full(len(cases), np.nan)
        for case, margin in zip(cases, margins, strict=True):
            if np.isfinite(margin):
                case.predictions.append(Prediction(model.name, model.version, float(margin)))
            else:
                case.degraded.append(f"model:{model.name}")

    def _detect(self, case: _Case) -> None:
        assert case.evidence is not None
        for detector in self._detectors:
            try:
                case.findings.extend(detector.detect(case.evidence, self.context))
            except BaseException as error:  # noqa: BLE001  # looked at in the next line
                name = detector.specs[0].group if detector.specs else type(detector).__name__
                case.faults.append(f"detector:{name} {_located(error)}")
                case.degraded.append(f"detector:{name}")

    def _conclude(self, case: _Case) -> Judged:
        terms = self._terms_of(case.incoming)
        if case.error is None:
            assert case.evidence is not None
            try:
                verdict = judge(
                    case.incoming,
                    case.evidence,
                    case.findings,
                    case.predictions,
                    terms,
                    case.degraded,
                )
                return Judged(verdict, case.evidence, None, tuple(case.faults))
            except BaseException as error:  # noqa: BLE001  # looked at in the next line
                case.error = f"verdict: {_described(error)}"
        verdict = degraded_verdict(case.incoming, terms)
        return Judged(verdict, case.evidence, case.error, tuple(case.faults))

    def _terms(self, policy: Policy) -> Terms:
        return prepare(policy, self.policies.digest, self._stack, self.context, self.engine)

    def _terms_of(self, incoming: Incoming) -> Terms:
        return self._tenants.get(incoming.envelope.tenant, self._default)


def _unobserved(stage: str) -> None:
    """Stand in for a shell that doesn't time the stages."""


def _located(error: BaseException) -> str:
    """Return an error's type and where it was raised, nothing of what it says.

    Lets through what isn't about a message (KeyboardInterrupt, SystemExit). A panic in a Rust
    library is no Exception, but is about a message: it must not stop the worker on each retry.
    """
    if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {PurePath(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}"


def _described(error: BaseException) -> str:
    return f"{_located(error)}: {error}"[:500]
