"""The section [learner] of weir.toml: how fast models may change, and what holds them back."""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["LearnerSection"]


class LearnerSection(msgspec.Struct, frozen=True, kw_only=True):
    """How `weir learner` learns, publishes and keeps what it learned (docs/learning.md)."""

    publish_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="Pause between publish markers: workers apply learning steps up to one.",
        ),
    ] = 60.0
    batch_labels: Annotated[int, Meta(ge=1, le=1024, description="Most labels in a batch.")] = 64
    wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="How long a label waits for a verdict that isn't out yet; the others go "
            "on. Then it counts, and teaches the text model alone.",
        ),
    ] = 10.0
    snapshot_labels: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Most learning steps between two snapshots."),
    ] = 1000
    snapshot_seconds: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Longest time between two snapshots while labels come."),
    ] = 3600.0
    snapshot_days: Annotated[
        float, Meta(gt=0, description="How long snapshots are kept; as long as verdicts.")
    ] = 14.0
    known_ham: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Labelled legitimate messages kept to measure the gate and to be "
            "replayed; 8 kB each. As many of abuse, a tenth.",
        ),
    ] = 2000
    gate_shift: Annotated[
        float,
        Meta(gt=0, description="Gate: how far known ham may move toward abuse, in logits."),
    ] = 0.3
    gate_sender_shift: Annotated[
        float,
        Meta(gt=0, description="Gate: the same for the mail of one sender (10 messages or more)."),
    ] = 0.5
    gate_flips: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Gate: share of the last 1,000 verdicts whose action may change.",
        ),
    ] = 0.01
    gate_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long steps wait behind a closed gate; then they are revoked, and "
            "their labels count as handled. What was counted stays.",
        ),
    ] = 3600.0
    audit_labels: Annotated[
        float,
        Meta(
            ge=0,
            le=1_000_000,
            description="Messages a day that an analyst is asked to label (docs/quality.md); "
            "0: none.",
        ),
    ] = 50.0
