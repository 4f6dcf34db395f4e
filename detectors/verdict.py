"""The verdict record (docs/topics/verdict.md): what was decided about a message, and on what."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.actions import ACTIONS, MICRO, Action, Override, probability
from detectors.asking import NOT_ASKED, Ask
from detectors.lists import allow_keys, deny_keys
from detectors.policy import Policy
from detectors.relations import shown_host
from detectors.rule_values import READERS, Facts, mail_from_domain
from detectors.signals import AbuseClass, Signal
from detectors.stack import Weighed
from detectors.terms import Terms
from features.addresses import hash_address
from features.client import client_ip, client_network
from features.delivery import delivery_key
from features.envelope import Direction, Envelope, Fact, Incoming
from features.evidence import Evidence
from features.vector import SCHEMA

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
    "class_of",
    "degraded_verdict",
    "judge",
]

# The worst first, so that it names the message where two classes have the same sum.
_BY_HARM: tuple[AbuseClass, ...] = ("malware", "phish", "spam", "bulk")


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
    out where there are none.
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


def judge(
    incoming: Incoming,
    evidence: Evidence,
    weighed: Weighed,
    models: Sequence[ModelVersion],
    terms: Terms,
    degraded: Sequence[str] = (),
) -> Verdict:
    """Judge one message by what was found in it; a function of its arguments alone.

    The first of these that speaks decides the action: live rules in the policy's order, deny
    list, allow list (not where malware speaks above the class threshold), thresholds. All that
    spoke are in `overrides`, the one that decided first. `weighed` is what `terms.stack` made of
    the findings and of the `models`' predictions. `degraded` names parts that the evidence had to
    do without.
    """
    envelope, policy, context = evidence.envelope, terms.policy, terms.context
    received_at = _utc(envelope)
    class_ = class_of(weighed, policy)
    bands = terms.bands[envelope.direction, class_]
    action = bands.decide(weighed.logit, weighed.groups)
    infected = weighed.by_class.get("malware", 0) > policy.class_threshold * MICRO
    denied = terms.deny and terms.deny.match(deny_keys(evidence, context), received_at)
    allowed = terms.allow and terms.allow.match(allow_keys(evidence, context), received_at)
    lists = (*(denied or ()), *((allowed or ()) if not infected else ()))
    listed = "deny" if denied else "allow" if allowed else ""
    facts = Facts(evidence, context, weighed, action, class_, listed)
    ruled = terms.rules.run(lambda name: READERS[name](facts))
    overrides = (
        *(Override(f"rule:{rule.name}", rule.action, rule.reason) for rule in ruled.live),
        *lists,
    )
    action, withheld = _in_force(overrides[0].action if overrides else action, policy)
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
        action=action,
        class_=class_,
        score=probability(weighed.logit),
        logit=weighed.logit,
        thresholds=dict(bands.scores),
        bias=weighed.bias,
        signals=weighed.signals,
        overrides=overrides,
        features=_values(evidence.vector),
        models=tuple(models),
        policy=terms.policy_digest,
        engine=terms.engine,
        facts=dict(sorted(envelope.facts.items())),
        shadow=(
            *(f"signal:{name}" for name in weighed.shadow),
            *(f"rule:{rule.name}" for rule in ruled.shadow),
            *withheld,
        ),
        degraded=tuple(degraded),
        flags=(*evidence.flags, *(f"rule_error:{name}" for name in ruled.failed)),
        ask=NOT_ASKED,
    )


def degraded_verdict(
    incoming: Incoming, terms: Terms, degraded: Sequence[str] = ("pipeline",)
) -> Verdict:
    """Return the verdict on a message that broke the pipeline: no logit, `on_failure` decides.

    Needs nothing of the message but its envelope, not even bytes: a record may have none. Mail
    of our own users isn't deferred for our own faults.
    """
    envelope, policy, raw = incoming.envelope, terms.policy, incoming.raw
    failed = policy.on_failure
    if envelope.direction == "outbound" and failed == "defer":
        failed = "accept"
    action, withheld = _in_force(failed, policy)
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
        bias=terms.stack.bias,
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


def class_of(weighed: Weighed, policy: Policy) -> AbuseClass:
    """Return the class with the highest sum if that is above the policy's threshold."""
    best, total = max(
        ((class_, weighed.by_class.get(class_, 0)) for class_ in _BY_HARM),
        key=itemgetter(1),
    )
    if total > policy.class_threshold * MICRO:
        return best
    return "spam" if weighed.logit > 0 else "ham"


def _in_force(wanted: Action, policy: Policy) -> tuple[Action, tuple[str, ...]]:
    """Return the action in force and, in shadow mode, the one that was withheld."""
    if not policy.shadow or wanted in {"accept", "add_header"}:
        return wanted, ()
    return "add_header", (f"action:{wanted}",)


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
