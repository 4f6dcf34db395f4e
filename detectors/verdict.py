"""The verdict record (docs/topics/verdict.md): what was decided about a message, and on what."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.actions import ACTIONS, MICRO, Action, Override, probability
from detectors.asking import NOT_ASKED, Ask
from detectors.basis import Basis, basis_of
from detectors.deciding import decide, on_failure
from detectors.lists import allow_keys, deny_keys
from detectors.relations import shown_host
from detectors.rule_values import READERS, Facts, mail_from_domain
from detectors.rules import Value
from detectors.signals import AbuseClass, Finding, Signal
from detectors.stack import Weighed
from detectors.terms import Terms
from features.addresses import hash_address
from features.client import client_ip, client_network
from features.context import Context
from features.delivery import delivery_key
from features.envelope import Direction, Envelope, Fact, Incoming
from features.evidence import Evidence
from features.vector import SCHEMA
from models.classifier import Prediction

__all__ = [
    "ACTIONS",
    "MICRO",
    "Action",
    "Ask",
    "FeatureValues",
    "LogPlace",
    "ModelVersion",
    "Override",
    "ShadowModel",
    "Verdict",
    "degraded_verdict",
    "founded",
    "judge",
]


class LogPlace(msgspec.Struct, frozen=True):
    """The message's place in the mail log."""

    epoch: str
    partition: int
    offset: int


class FeatureValues(msgspec.Struct, frozen=True):
    """The feature vector: the schema's digest; little-endian float32 in base64, NaN: missing."""

    schema: str
    f32: str


class ModelVersion(msgspec.Struct, frozen=True):
    """A model that contributed."""

    name: str
    version: str


class ShadowModel(msgspec.Struct, frozen=True):
    """A model that scores and acts on nothing: the message's logit if it were live, in millionths.

    `name` is "online", or the classifier's.
    """

    name: str
    version: str
    logit: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict. Holds nothing that depends on a clock or a host: those are record headers.

    `logit` is in millionths and equals `bias` plus the signals' contributions; it is None where
    the message broke the pipeline. `score` is its logistic function, rounded to 1e-6.
    `thresholds` are scores by action. Personal addresses are keyed hashes. `shadow_models` is left
    out where there are none, `basis` where the message broke the pipeline.
    """

    schema: int = 1
    id: str
    kind: Literal["judged", "fallback", "revised"] = "judged"
    revision: int = 0
    delivery_key: str | None
    log: LogPlace | None
    tenant: str
    direction: Direction
    received_at: datetime
    from_domain: str
    mail_from_domain: str
    sender: str
    client_net: str
    rcpt_count: int
    fingerprint: str
    action: Action
    class_: AbuseClass = msgspec.field(name="class")
    score: float | None
    logit: int | None
    thresholds: dict[str, float]
    bias: int
    signals: tuple[Signal, ...]
    overrides: tuple[Override, ...]
    features: FeatureValues
    models: tuple[ModelVersion, ...]
    policy: str
    engine: str
    facts: dict[str, Fact]
    shadow: tuple[str, ...]
    degraded: tuple[str, ...]
    flags: tuple[str, ...]
    ask: Ask
    shadow_models: tuple[ShadowModel, ...] | msgspec.UnsetType = msgspec.UNSET
    basis: Basis | msgspec.UnsetType = msgspec.UNSET


def judge(
    incoming: Incoming,
    evidence: Evidence,
    weighed: Weighed,
    models: Sequence[ModelVersion],
    terms: Terms,
    degraded: Sequence[str] = (),
) -> Verdict:
    """Judge one message by what was found in it; a function of its arguments alone.

    How the action comes about is `detectors.deciding.decide`'s. `weighed` is what `terms.stack`
    made of the findings and of the `models`' predictions. `degraded` names parts that the evidence
    had to do without.
    """
    envelope, context = evidence.envelope, terms.context
    received_at = _utc(envelope)
    decided = decide(
        weighed,
        terms,
        envelope.direction,
        received_at,
        allow=lambda: allow_keys(evidence, context),
        deny=lambda: deny_keys(evidence, context),
        read=lambda *said: _reading(Facts(evidence, context, weighed, *said)),
    )
    from_ = evidence.headers.from_
    return Verdict(
        id=envelope.id,
        delivery_key=incoming.delivery_key
        or delivery_key(incoming.raw, envelope.mail_from, envelope.rcpt_to),
        log=_log_place(incoming),
        tenant=envelope.tenant,
        direction=envelope.direction,
        received_at=received_at,
        from_domain=shown_host(from_.domain.registrable or from_.host),
        mail_from_domain=mail_from_domain(envelope.mail_from),
        sender=hash_address(from_.address or (envelope.mail_from or ""), context),
        client_net=client_network(client_ip(envelope, evidence.headers.hops, context)),
        rcpt_count=len(envelope.rcpt_to),
        fingerprint=evidence.fingerprint,
        action=decided.action,
        class_=decided.class_,
        score=probability(weighed.logit),
        logit=weighed.logit,
        thresholds=decided.thresholds,
        bias=weighed.bias,
        signals=weighed.signals,
        overrides=decided.overrides,
        features=_values(evidence.vector),
        models=tuple(models),
        policy=terms.policy_digest,
        engine=terms.engine,
        facts=dict(sorted(envelope.facts.items())),
        shadow=decided.shadow,
        degraded=tuple(degraded),
        flags=(*evidence.flags, *decided.flags),
        ask=NOT_ASKED,
    )


def founded(
    verdict: Verdict,
    evidence: Evidence,
    context: Context,
    findings: Sequence[Finding],
    predictions: Sequence[Prediction],
) -> Verdict:
    """Return a verdict with what it rests on, so that it can be judged anew without the message."""
    basis = basis_of(
        evidence,
        context,
        findings,
        predictions,
        verdict.signals,
        sender=verdict.sender,
        mail_from_domain=verdict.mail_from_domain,
    )
    return msgspec.structs.replace(verdict, basis=basis)


def degraded_verdict(
    incoming: Incoming, terms: Terms, degraded: Sequence[str] = ("pipeline",)
) -> Verdict:
    """Return the verdict on a message that broke the pipeline: no logit, `on_failure` decides.

    Needs nothing of the message but its envelope, not even bytes: a record may have none.
    """
    envelope, policy, raw = incoming.envelope, terms.policy, incoming.raw
    action, withheld = on_failure(policy, envelope.direction)
    return Verdict(
        id=envelope.id,
        delivery_key=delivery_key(raw, envelope.mail_from, envelope.rcpt_to) if raw else None,
        log=_log_place(incoming),
        tenant=envelope.tenant,
        direction=envelope.direction,
        received_at=_utc(envelope),
        from_domain="",
        mail_from_domain=mail_from_domain(envelope.mail_from),
        sender=hash_address(envelope.mail_from or "", terms.context),
        client_net=client_network(client_ip(envelope, (), terms.context)),
        rcpt_count=len(envelope.rcpt_to),
        fingerprint="",
        action=action,
        class_="ham",
        score=None,
        logit=None,
        thresholds=dict(terms.bands[envelope.direction, "ham"].scores),
        bias=terms.stack.shipped_bias,  # no model is named
        signals=(),
        overrides=(),
        features=FeatureValues(SCHEMA.digest, ""),
        models=(),
        policy=terms.policy_digest,
        engine=terms.engine,
        facts=dict(sorted(envelope.facts.items())),
        shadow=withheld,
        degraded=tuple(degraded),
        flags=incoming.flags,
        ask=NOT_ASKED,
    )


def _reading(facts: Facts) -> Callable[[str], Value]:
    return lambda name: READERS[name](facts)


def _values(vector: NDArray[np.float32]) -> FeatureValues:
    # One bit pattern for missing: which NaN an operation gives depends on the processor.
    values = vector.astype("<f4")
    values[np.isnan(values)] = np.nan
    return FeatureValues(SCHEMA.digest, b64encode(values.tobytes()).decode("ascii"))


def _log_place(incoming: Incoming) -> LogPlace | None:
    return None if incoming.position is None else LogPlace(*incoming.position)


def _utc(envelope: Envelope) -> datetime:
    at = envelope.received_at
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
