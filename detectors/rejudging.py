"""A recorded verdict judged anew without its message: under another policy, other models.

What was found and read then is weighed and decided as the judge does it, so that equal terms give
an equal verdict. Where that isn't enough, what the mail is needed for is said, and nothing guessed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from detectors import asking
from detectors.actions import probability
from detectors.basis import Basis, findings_of, found_of
from detectors.deciding import decide, on_failure
from detectors.lists import Keys
from detectors.policy import Policy
from detectors.recorded_values import FAILED_RULE, RECORDED, Told, own_flags
from detectors.rules import Value
from detectors.signals import Finding
from detectors.stack import Weighed
from detectors.terms import Terms
from detectors.verdict import ModelVersion, ShadowModel, Verdict
from features.urls import read_host
from models.classifier import Prediction

__all__ = ["Needs", "Votes", "needs_findings", "rejudge"]

_JUDGED: Final = frozenset({"score", "logit", "action", "class", "signals", "listed"})
"""What rules read of the judgement itself, and not of the message."""


class Needs(NamedTuple):
    """Why a verdict can't be had from the recorded one alone: what the mail is needed for."""

    what: tuple[str, ...]


class Votes(NamedTuple):
    """What models say of a message: logits by name, and the versions that a verdict names."""

    margins: Mapping[str, float]
    models: tuple[ModelVersion, ...]


def needs_findings(before: Policy, after: Policy) -> tuple[str, ...]:
    """Name the sections in which two policies differ and that detectors read: findings change."""
    differing = [
        name for name in ("brands", "own_domains") if getattr(before, name) != getattr(after, name)
    ]
    if before.labels.hearing != after.labels.hearing:
        differing.append("labels")
    return tuple(differing)


def rejudge(
    recorded: Verdict,
    terms: Terms,
    *,
    votes: Votes | None = None,
    theta: asking.Asking | UnsetType | None = UNSET,
    shadow_models: tuple[ShadowModel, ...] | UnsetType | None = None,
    before: Policy | None = None,
) -> Verdict | Needs:
    """Return the verdict on the same message under these terms; a function of its arguments.

    The findings are taken as they were: `needs_findings` says when a policy would find others.

    Args:
        recorded: a worker's verdict, of this release's form or an older one.
        terms: what to judge by: the tenant's policy, and the stack with the fusion in force.
        votes: what the models say; what they said then, where not given.
        theta: how the audit asks (None: not at all); the recorded question where not given.
        shadow_models: what shadows say instead of what they said (UNSET: there are none).
        before: the policy of the recorded verdict. With it, a rule that reads what isn't
            recorded is known wherever it stood there with all that it reads the same.
    """
    if isinstance(recorded.basis, UnsetType):
        return _unfounded(recorded, terms)
    basis = recorded.basis
    votes = votes or Votes(basis.margins, recorded.models)
    versions = {model.name: model.version for model in votes.models}
    findings = findings_of(basis, recorded.signals)
    weighed = terms.stack.weigh(
        findings,
        [Prediction(name, versions.get(name, ""), x) for name, x in votes.margins.items()],
    )
    missing = list(_unlisted(recorded, basis, terms))
    told = _rules_told(recorded, basis, terms, weighed, before, missing)
    if missing:
        return Needs(tuple(missing))
    decided = decide(
        weighed,
        terms,
        recorded.direction,
        recorded.received_at,
        allow=lambda: _allow_keys(recorded, basis),
        deny=lambda: _deny_keys(recorded, basis),
        read=lambda *said: _reading(Told(recorded, basis, weighed, *said)),
        told=told,
    )
    ask = recorded.ask
    if not isinstance(theta, UnsetType):
        ask = asking.ask(recorded.id, terms.context.hash_key, weighed.logit, theta)
    return replace(
        recorded,
        action=decided.action,
        class_=decided.class_,
        score=probability(weighed.logit),
        logit=weighed.logit,
        thresholds=decided.thresholds,
        bias=weighed.bias,
        signals=weighed.signals,
        overrides=decided.overrides,
        models=votes.models,
        policy=terms.policy_digest,
        engine=terms.engine,
        shadow=decided.shadow,
        degraded=_degraded(recorded, votes.margins),
        flags=(*own_flags(recorded), *decided.flags),
        ask=ask,
        shadow_models=recorded.shadow_models if shadow_models is None else shadow_models,
        basis=_with_words(recorded, basis, findings, weighed, votes.margins),
    )


def _unfounded(recorded: Verdict, terms: Terms) -> Verdict | Needs:
    """Return the verdict on a message that broke the pipeline: on_failure decides again."""
    if recorded.logit is not None or recorded.kind == "fallback" or recorded.models:
        return Needs(("basis",))
    action, withheld = on_failure(terms.policy, recorded.direction)
    return replace(
        recorded,
        action=action,
        thresholds=dict(terms.bands[recorded.direction, "ham"].scores),
        bias=terms.stack.bias,
        policy=terms.policy_digest,
        engine=terms.engine,
        shadow=withheld,
    )


def _unlisted(recorded: Verdict, basis: Basis, terms: Terms) -> Iterator[str]:
    """Yield what list entries ask for and isn't recorded."""
    both = (terms.allow, terms.deny)
    if recorded.client_net and any(entries.splits(recorded.client_net) for entries in both):
        yield "client_ip"
    if "domain" in terms.deny.kinds:
        yield from (name for name in ("from_host", "mail_from_host") if name in basis.partial)
    if "url_domain" in terms.deny.kinds and "link_hosts" in basis.partial:
        yield "link_hosts"
    hashed = recorded.sender or basis.mail_from
    if (
        any("address" in entries.kinds for entries in both)
        and hashed
        and not hashed.startswith(f"{terms.context.hash_key_id}:")
    ):
        yield "addresses"  # they are hashed under another key


def _rules_told(
    recorded: Verdict,
    basis: Basis,
    terms: Terms,
    weighed: Weighed,
    before: Policy | None,
    missing: list[str],
) -> dict[str, bool | None]:
    """Return what rules said that read what isn't recorded; add to `missing` where unknown."""
    unknown = {"subject", "user", "recipients", "client_ip"}
    if "from_host" in basis.partial:
        unknown |= {"from_host", "from_domain"}
    if "link_hosts" in basis.partial:
        unknown.add("url_domains")
    if not recorded.features.f32:  # retention took it away
        unknown |= {"sender_age", "sender_messages", "first_contact"}
    if not terms.rules.reads & unknown:
        return {}
    stood = {} if before is None else {rule.name: rule for rule in before.rules}
    same = _unmoved(recorded, weighed)
    told: dict[str, bool | None] = {}
    for rule, reads in terms.rules.reading(unknown):
        earlier = stood.get(rule.name)
        as_then = earlier is not None and earlier.when == rule.when and earlier.mode != "draft"
        if as_then and reads & _JUDGED <= same:
            told[rule.name] = _matched(recorded, rule.name)
        else:
            missing += [name for name in sorted(reads & unknown) if name not in missing]
    return told


def _unmoved(recorded: Verdict, weighed: Weighed) -> set[str]:
    """Return which of the judgement's variables are what they were."""
    same: set[str] = set()
    if recorded.logit == weighed.logit:
        same |= {"score", "logit"}
    if [each.name for each in recorded.signals] == [each.name for each in weighed.signals]:
        same.add("signals")
    return same


def _matched(recorded: Verdict, rule: str) -> bool | None:
    if f"{FAILED_RULE}{rule}" in recorded.flags:
        return None
    name = f"rule:{rule}"
    return name in recorded.shadow or any(each.name == name for each in recorded.overrides)


def _reading(told: Told) -> Callable[[str], Value]:
    return lambda name: RECORDED[name](told)


def _allow_keys(recorded: Verdict, basis: Basis) -> Keys:
    return Keys(
        hosts=frozenset({basis.proven_domain} - {""}),
        addresses=frozenset(),
        client=_client(recorded),
        hashed=frozenset({recorded.sender} - {""}) if basis.vouched else frozenset(),
    )


def _deny_keys(recorded: Verdict, basis: Basis) -> Keys:
    written = {
        basis.proven_domain,
        basis.from_host,
        basis.mail_from_host or recorded.mail_from_domain,
    }
    hosts = {host if host.isascii() else read_host(host)[0] for host in written}
    return Keys(
        hosts=frozenset(hosts - {""}),
        addresses=frozenset(),
        client=_client(recorded),
        url_hosts=frozenset(basis.link_hosts),
        fingerprint=recorded.fingerprint,
        hashed=frozenset({recorded.sender, basis.mail_from} - {""}),
    )


def _client(recorded: Verdict) -> str:
    """Return an address of the client's network: no entry that is asked splits it."""
    return recorded.client_net.partition("/")[0]


def _degraded(recorded: Verdict, margins: Mapping[str, float]) -> tuple[str, ...]:
    """Return what the verdict has to do without: not a model that speaks now."""
    return tuple(part for part in recorded.degraded if part.removeprefix("model:") not in margins)


def _with_words(
    recorded: Verdict,
    basis: Basis,
    findings: Iterable[Finding],
    weighed: Weighed,
    margins: Mapping[str, float],
) -> Basis:
    """Return what it rests on now: findings keep their words where no signal has them any more."""
    said = {signal.name for signal in weighed.signals}
    if said != {signal.name for signal in recorded.signals}:
        basis = replace(basis, findings=found_of(findings, said))
    return basis if margins is basis.margins else replace(basis, margins=dict(margins))
