"""The verdict record (docs/topics/verdict.md): what was decided about a message, and on what."""

from datetime import datetime
from typing import Literal

import msgspec

from detectors.signals import AbuseClass, Signal
from features.envelope import Direction, Fact

__all__ = [
    "ACTIONS",
    "MICRO",
    "Action",
    "Ask",
    "FeatureValues",
    "LogPlace",
    "ModelVersion",
    "Override",
    "Verdict",
]

Action = Literal[
    "accept", "add_header", "rewrite_subject", "quarantine", "defer", "reject", "discard"
]
ACTIONS: tuple[Action, ...] = (
    "accept",
    "add_header",
    "rewrite_subject",
    "quarantine",
    "defer",
    "reject",
    "discard",
)
MICRO = 1_000_000  # logits and contributions are integers of 1e-6, so that they add up exactly


class LogPlace(msgspec.Struct, frozen=True):
    """The message's place in the mail log."""

    epoch: str
    partition: int
    offset: int


class Override(msgspec.Struct, frozen=True):
    """A rule or list entry that decided the action whatever the score says."""

    name: str
    action: Action
    reason: str


class FeatureValues(msgspec.Struct, frozen=True):
    """The feature vector: the schema's digest, and little-endian float32 in base64 (NaN: missing)."""

    schema: str
    f32: str


class ModelVersion(msgspec.Struct, frozen=True):
    """A model that contributed."""

    name: str
    version: str


class Ask(msgspec.Struct, frozen=True):
    """Whether the audit budget asks for a label of this message, and with what probability."""

    theta: str
    p: float
    asked: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict. Holds nothing that depends on a clock or a host: those are record headers.

    `logit` is in millionths and equals `bias` plus the signals' contributions; it is None where
    the message broke the pipeline. `score` is its logistic function, rounded to 1e-6.
    `thresholds` are scores by action. Personal addresses are keyed hashes.
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
