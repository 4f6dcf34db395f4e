"""What an operator decides: thresholds, rules and lists, by tenant, as values with one digest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import orjson

from detectors.actions import Action
from detectors.limits import Limit
from detectors.signals import AbuseClass
from features.envelope import Direction
from models.trust import Trust

__all__ = [
    "ListEntry",
    "ListKind",
    "Mode",
    "OwnBrand",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Problem",
    "Rule",
    "SignalSetting",
    "Thresholds",
]

Mode = Literal["draft", "shadow", "live"]
ListKind = Literal["domain", "address", "network", "url_domain", "fingerprint"]
Thresholds = dict[Direction, dict[AbuseClass | Literal[""], dict[Action, float]]]


class SignalSetting(msgspec.Struct, frozen=True):
    """An operator's word on one signal; a weight (logits) of None keeps the shipped one."""

    weight: float | None = None
    mode: Mode = "live"


class Rule(msgspec.Struct, frozen=True):
    """A condition in CEL that decides the action. Draft: only compiled. Shadow: only noted."""

    name: str
    when: str
    action: Action
    reason: str
    mode: Mode = "live"


class ListEntry(msgspec.Struct, frozen=True):
    """One thing that is allowed or denied, until `expires` (against the message's received_at)."""

    kind: ListKind
    value: str
    action: Action
    reason: str
    expires: datetime | None = None


class OwnBrand(msgspec.Struct, frozen=True):
    """A brand that the shipped table lacks or knows too little of: see docs/policy.md."""

    name: str
    phrases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant's policy, complete: docs/policy.md says what each key means.

    `thresholds` are probabilities by direction, class ("" for any) and action, 0 for never.
    `class_threshold` is in logits. `labels` says who may teach. `refusal` and `appeal` are what
    an SMTP client reads of a refused message, `subject_tag` what rewrite_subject puts before.
    """

    shadow: bool
    on_failure: Action
    reject_needs_groups: int
    class_threshold: float
    thresholds: Thresholds
    signals: dict[str, SignalSetting] = {}
    rules: tuple[Rule, ...] = ()
    allow: tuple[ListEntry, ...] = ()
    deny: tuple[ListEntry, ...] = ()
    own_domains: tuple[str, ...] = ()
    brands: tuple[OwnBrand, ...] = ()
    labels: Trust = Trust()
    refusal: str = "This message was refused as suspected abuse"
    appeal: str = ""
    subject_tag: str = "[SUSPECT]"
    limits: tuple[Limit, ...] = ()

    def thresholds_for(self, direction: Direction, class_: AbuseClass) -> dict[Action, float]:
        """Return the thresholds in force for a message: the class's own over those for any."""
        by_class = self.thresholds.get(direction, {})
        return {**by_class.get("", {}), **by_class.get(class_, {})}


# What a policy that says nothing of it tells the world: its digest is as it was without the key.
_UNSAID = {
    field.name: field.default
    for field in msgspec.structs.fields(Policy)
    if field.name in {"refusal", "appeal", "subject_tag"}
}


@dataclass(frozen=True, slots=True)
class PolicySet:
    """A host's policies: the default, and tenants that differ from it.

    `digest` is 16 hexadecimal digits of SHA-256 over the policies in canonical form, so that
    comments, order of keys and spelled-out defaults don't change it.
    """

    default: Policy
    tenants: Mapping[str, Policy] = field(default_factory=lambda: MappingProxyType({}))
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the digest once: it goes into every verdict."""
        tenants = {name: _canonical(policy) for name, policy in self.tenants.items()}
        canonical = orjson.dumps([_canonical(self.default), tenants], option=orjson.OPT_SORT_KEYS)
        object.__setattr__(self, "digest", hashlib.sha256(canonical).hexdigest()[:16])

    def for_tenant(self, tenant: str) -> Policy:
        """Return the tenant's policy, the default one for a tenant that has none."""
        return self.tenants.get(tenant, self.default)


def _canonical(policy: Policy) -> dict[str, Any]:
    """Return a policy as its digest sees it: younger keys only where they say something."""
    fields: dict[str, Any] = msgspec.to_builtins(policy)
    for young in ("brands", "own_domains", "limits"):
        if not fields[young]:
            del fields[young]
    for said in ("refusal", "appeal", "subject_tag"):
        if fields[said] == _UNSAID[said]:
            del fields[said]
    if policy.labels == Trust():
        del fields["labels"]
    return fields


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a policy file; lines and columns count from 1."""

    line: int
    column: int
    key: str
    what: str


class PolicyError(ValueError):
    """A policy file can't be put in force; one line a problem, `file:line:column: key: what`."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        super().__init__(
            "\n".join(
                f"{file}:{p.line}:{p.column}: {p.key + ': ' if p.key else ''}{p.what}"
                for p in self.problems
            )
        )
